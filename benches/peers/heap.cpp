// A bare textbook simulator of the ring32 workload: one heap of events, two events a packet.
// Usage: heap END_US ON_US OFF_US; prints packets, drop rate and packets per second.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <queue>
#include <random>
#include <vector>
struct Event { double time; int kind; int queue; bool operator>(const Event& o) const { return time > o.time; } };
struct Queue { bool on; double phase_end; int dedicated = 0, reserve = 0; std::deque<bool> from_reserve; };
int main(int argc, char** argv) {
    const int queues = 32, rx = 128, entries = 512;
    const double end = argc > 1 ? atof(argv[1]) : 2e6, on = argc > 2 ? atof(argv[2]) : 100, off = argc > 3 ? atof(argv[3]) : 400;
    std::mt19937_64 rng(1);
    std::exponential_distribution<double> unit(1.0);
    std::priority_queue<Event, std::vector<Event>, std::greater<Event>> events;
    std::vector<Queue> q(queues);
    long offered = 0, dropped = 0; int reserve = 0;
    auto next_arrival = [&](int i, double now) {
        for (;;) {
            if (q[i].on) { double t = now + unit(rng) / 3.0; if (t <= q[i].phase_end) { events.push({t, 0, i}); return; } }
            now = q[i].phase_end; q[i].on = !q[i].on; q[i].phase_end = now + unit(rng) * (q[i].on ? on : off);
        }
    };
    for (int i = 0; i < queues; i++) { q[i].on = std::uniform_real_distribution<double>()(rng) < on / (on + off); q[i].phase_end = unit(rng) * (q[i].on ? on : off); next_arrival(i, 0); }
    auto began = std::chrono::steady_clock::now();
    while (!events.empty() && events.top().time < end) {
        Event e = events.top(); events.pop(); Queue& r = q[e.queue];
        if (e.kind == 0) {
            offered++; bool ok = true, res = false;
            if (r.dedicated < rx) r.dedicated++; else if (reserve < entries) { reserve++; res = true; } else { dropped++; ok = false; }
            if (ok) { r.from_reserve.push_back(res); if (r.from_reserve.size() == 1) events.push({e.time + 1.0, 1, e.queue}); }
            next_arrival(e.queue, e.time);
        } else {
            if (r.from_reserve.front()) reserve--; else r.dedicated--;
            r.from_reserve.pop_front(); if (!r.from_reserve.empty()) events.push({e.time + 1.0, 1, e.queue});
        }
    }
    std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    std::printf("%ld %.6f %.0f\n", offered, double(dropped) / offered, offered / took.count());
}
