// Bare textbook simulators of ring32 with other policies of the reserve or other services: one heap
// of events, two events a packet, as in heap.cpp.
// Usage: policies POLICY END_US ON_US OFF_US [SEED]; prints packets, drop rate and packets per second.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <queue>
#include <random>
#include <vector>
struct Event { double time; int kind; int queue; bool operator>(const Event& o) const { return time > o.time; } };
struct Queue {
    bool on; double phase_end; int dedicated = 0, reserve = 0; std::deque<bool> from_reserve;
    // Active buffer management: buffers given back in this interval, whether it was empty in it, its share of the drain.
    int returned = 0; bool was_empty = true; double mu = 1.0;
};
enum Policy { sharing, cap, threshold, abm, red, longest, borrow };
int main(int argc, char** argv) {
    const int queues = 32, rx = 128, entries = 512, lent = queues * rx;
    const double alpha = 1.0, interval = 100.0, pass = 0.5, drop = 0.1;
    const char* name = argc > 1 ? argv[1] : "sharing";
    auto is = [&](const char* other) { return std::strcmp(name, other) == 0; };
    const Policy policy = is("static-cap") ? cap : is("dynamic-threshold") ? threshold : is("abm") ? abm : is("red") ? red
        : is("longest-queue-drop") ? longest : is("peer-borrow") ? borrow : sharing;
    const bool random_service = is("exponential");
    const double end = argc > 2 ? atof(argv[2]) : 2e6, on = argc > 3 ? atof(argv[3]) : 100, off = argc > 4 ? atof(argv[4]) : 400;
    std::mt19937_64 rng(argc > 5 ? atoi(argv[5]) : 1);
    std::exponential_distribution<double> unit(1.0);
    std::uniform_real_distribution<double> lot;
    std::priority_queue<Event, std::vector<Event>, std::greater<Event>> events;
    std::vector<Queue> q(queues);
    long offered = 0, dropped = 0; int reserve = 0, total = 0; double interval_end = interval;
    auto next_arrival = [&](int i, double now) {
        for (;;) {
            if (q[i].on) { double t = now + unit(rng) / 3.0; if (t <= q[i].phase_end) { events.push({t, 0, i}); return; } }
            now = q[i].phase_end; q[i].on = !q[i].on; q[i].phase_end = now + unit(rng) * (q[i].on ? on : off);
        }
    };
    auto serve = [&](int i, double now) { events.push({now + (random_service ? unit(rng) : 1.0), 1, i}); };
    auto measure = [&](double now) {
        for (; now >= interval_end; interval_end += interval) {
            int most = 0;
            for (Queue& r : q) if (r.returned > most) most = r.returned;
            for (Queue& r : q) {
                r.mu = r.was_empty || most == 0 ? 1.0 : double(r.returned) / most;
                r.returned = 0; r.was_empty = r.from_reserve.empty();
            }
        }
    };
    // Takes the last buffer of the reserve back from the queue that holds most of it.
    auto push_out = [&](int own) {
        int most = 0;
        for (int i = 1; i < queues; i++) if (q[i].reserve > q[most].reserve) most = i;
        if (q[most].reserve <= own + 1) return false;
        auto& packets = q[most].from_reserve;
        auto last = packets.end();
        do --last; while (!*last);
        packets.erase(last); q[most].reserve--; reserve--; dropped++;
        return true;
    };
    auto admits = [&](Queue& r, double now) {
        const int free = entries - reserve;
        if (policy == longest) return free > 0 || push_out(r.reserve);
        if (free == 0) return false;
        switch (policy) {
            case cap: return r.reserve < 64;
            case threshold: return r.reserve < alpha * free;
            case red: {
                double share = double(free) / entries;
                return share > pass || (share > drop && lot(rng) * (pass - drop) < share - drop);
            }
            case abm: {
                measure(now);
                int in_need = r.reserve == 0;
                for (const Queue& other : q) in_need += other.reserve > 0;
                return r.reserve < alpha * r.mu / in_need * free;
            }
            default: return true;
        }
    };
    for (int i = 0; i < queues; i++) { q[i].on = lot(rng) < on / (on + off); q[i].phase_end = unit(rng) * (q[i].on ? on : off); next_arrival(i, 0); }
    auto began = std::chrono::steady_clock::now();
    while (!events.empty() && events.top().time < end) {
        Event e = events.top(); events.pop(); Queue& r = q[e.queue];
        if (e.kind == 0) {
            offered++; bool ok = true, res = false;
            if (policy == borrow) { ok = total < lent; total += ok; }
            else if (r.dedicated < rx) r.dedicated++;
            else if (admits(r, e.time)) { reserve++; r.reserve++; res = true; }
            else ok = false;
            if (ok) { r.from_reserve.push_back(res); if (r.from_reserve.size() == 1) serve(e.queue, e.time); }
            else dropped++;
            next_arrival(e.queue, e.time);
        } else {
            if (policy == abm) measure(e.time);
            if (policy == borrow) total--;
            else if (r.from_reserve.front()) { reserve--; r.reserve--; } else r.dedicated--;
            r.from_reserve.pop_front(); r.returned++; r.was_empty |= r.from_reserve.empty();
            if (!r.from_reserve.empty()) serve(e.queue, e.time);
        }
    }
    std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    std::printf("%ld %.6f %.0f\n", offered, double(dropped) / offered, offered / took.count());
}
