// A bare textbook simulator of the ring32 workloads with other hosts: one heap of events.
// Usage: hosts HOST END_US ON_US OFF_US SEED; prints packets, drop rate and packets per second.
//   busy-poll  a core a queue takes up to 64 packets a visit; each buffer is posted when its packet is done
//   napi       an interrupt 64 us after the first packet, 7 us (exponential) to wake up, 0.5 us a poll, up to 64
//              packets a poll, all their buffers posted at its end; a poll that used its budget is followed by another
//   trace      a recording gives each queue a buffer back every microsecond
// A packet takes 1 us everywhere.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <queue>
#include <random>
#include <vector>
enum Kind { ARRIVAL, DONE, INTERRUPT, POLL, LOOK, RETURN };
struct Event { double time; Kind kind; int queue; bool operator>(const Event& o) const { return time > o.time; } };
struct Return { double time; int queue; };
struct Queue { bool on; double phase_end; int dedicated = 0, reserve = 0; std::deque<bool> from_reserve; bool scheduled = false; int done = 0, left = 0, unposted_dedicated = 0, unposted_reserve = 0; };
int main(int argc, char** argv) {
    const int queues = 32, rx = 128, entries = 512, budget = 64;
    const double usecs = 64, wakeup = 7, overhead = 0.5, service = 1;
    const char* host = argc > 1 ? argv[1] : "napi";
    const double end = argc > 2 ? atof(argv[2]) : 2e6, on = argc > 3 ? atof(argv[3]) : 100, off = argc > 4 ? atof(argv[4]) : 400;
    const bool napi = !strcmp(host, "napi"), trace = !strcmp(host, "trace");
    std::mt19937_64 rng(argc > 5 ? atoi(argv[5]) : 1);
    std::exponential_distribution<double> unit(1.0);
    std::priority_queue<Event, std::vector<Event>, std::greater<Event>> events;
    std::vector<Queue> q(queues);
    std::vector<Return> returns; size_t next_return = 0;
    if (trace) for (int t = 0; t < end; t++) for (int i = 0; i < queues; i++) returns.push_back({double(t), i});
    long offered = 0, dropped = 0; int reserve = 0;
    auto next_arrival = [&](int i, double now) {
        for (;;) {
            if (q[i].on) { double t = now + unit(rng) / 3.0; if (t <= q[i].phase_end) { events.push({t, ARRIVAL, i}); return; } }
            now = q[i].phase_end; q[i].on = !q[i].on; q[i].phase_end = now + unit(rng) * (q[i].on ? on : off);
        }
    };
    for (int i = 0; i < queues; i++) { q[i].on = std::uniform_real_distribution<double>()(rng) < on / (on + off); q[i].phase_end = unit(rng) * (q[i].on ? on : off); next_arrival(i, 0); }
    auto began = std::chrono::steady_clock::now();
    auto deliver = [&](Queue& r) { (r.from_reserve.front() ? r.unposted_reserve : r.unposted_dedicated)++; r.from_reserve.pop_front(); };
    auto post = [&](Queue& r) { r.dedicated -= r.unposted_dedicated; reserve -= r.unposted_reserve; r.unposted_dedicated = r.unposted_reserve = 0; };
    auto visit = [&](Queue& r, int i, double now) { r.left = std::min<int>(budget, r.from_reserve.size()); events.push({now + service, DONE, i}); };
    if (trace) events.push({returns[0].time, RETURN, 0});
    while (!events.empty() && events.top().time < end) {
        Event e = events.top(); events.pop(); Queue& r = q[e.queue];
        switch (e.kind) {
        case ARRIVAL: {
            offered++; bool ok = true, res = false;
            if (r.dedicated < rx) r.dedicated++; else if (reserve < entries) { reserve++; res = true; } else { dropped++; ok = false; }
            if (ok) {
                r.from_reserve.push_back(res);
                if (napi) { if (!r.scheduled) { r.scheduled = true; events.push({e.time + usecs, INTERRUPT, e.queue}); } }
                else if (!trace && r.from_reserve.size() == 1) visit(r, e.queue, e.time);
            }
            next_arrival(e.queue, e.time);
            break;
        }
        case INTERRUPT: events.push({e.time + unit(rng) * wakeup, POLL, e.queue}); break;
        case POLL: r.done = 0; events.push({e.time + overhead, LOOK, e.queue}); break;
        case LOOK: if (!r.from_reserve.empty()) events.push({e.time + service, DONE, e.queue}); else r.scheduled = false; break;
        case DONE:
            deliver(r);
            if (!napi) {
                post(r);
                if (--r.left > 0) events.push({e.time + service, DONE, e.queue}); else if (!r.from_reserve.empty()) visit(r, e.queue, e.time);
            } else if (++r.done == budget) { post(r); events.push({e.time, POLL, e.queue}); }
            else if (!r.from_reserve.empty()) events.push({e.time + service, DONE, e.queue});
            else { post(r); r.scheduled = false; }
            break;
        case RETURN: {
            Queue& back = q[returns[next_return].queue];
            if (!back.from_reserve.empty()) { deliver(back); post(back); }
            if (++next_return < returns.size()) events.push({returns[next_return].time, RETURN, 0});
            break;
        }
        }
    }
    std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    std::printf("%ld %.6f %.0f\n", offered, double(dropped) / offered, offered / took.count());
}
