"""The ring32 workload on SimPy, as its manual models customers at a counter.

A process a source, a process a packet, a resource a core. Usage:
simpy_rings.py END_US ON_US OFF_US SEED; prints packets, drop rate and packets per second.
"""

import random
import sys
import time

import simpy

QUEUES, RX, ENTRIES = 32, 128, 512
SERVICE_US, RATE_PER_US = 1.0, 3.0


class Rings:
    """What all queues share."""

    def __init__(self, env):
        self.cores = [simpy.Resource(env, capacity=1) for _ in range(QUEUES)]
        self.dedicated = [RX] * QUEUES
        self.reserve = ENTRIES
        self.offered = self.dropped = 0


def packet(env, rings, queue):
    """Takes a buffer, waits for the core, is served and gives the buffer back."""
    rings.offered += 1
    from_reserve = rings.dedicated[queue] == 0
    if not from_reserve:
        rings.dedicated[queue] -= 1
    elif rings.reserve > 0:
        rings.reserve -= 1
    else:
        rings.dropped += 1
        return
    with rings.cores[queue].request() as core:
        yield core
        yield env.timeout(SERVICE_US)
    if from_reserve:
        rings.reserve += 1
    else:
        rings.dedicated[queue] += 1


def source(env, rings, queue, on_us, off_us):
    """Periods in turn, stationary from the start; packets while one is ON."""
    is_on = random.random() < on_us / (on_us + off_us)
    while True:
        end = env.now + random.expovariate(1 / (on_us if is_on else off_us))
        while is_on:
            gap = random.expovariate(RATE_PER_US)
            if env.now + gap > end:
                break
            yield env.timeout(gap)
            env.process(packet(env, rings, queue))
        yield env.timeout(end - env.now)
        is_on = not is_on


def main():
    end_us, on_us, off_us, seed = (float(word) for word in sys.argv[1:])
    random.seed(int(seed))
    env = simpy.Environment()
    rings = Rings(env)
    for queue in range(QUEUES):
        env.process(source(env, rings, queue, on_us, off_us))
    began = time.perf_counter()
    env.run(until=end_us)
    seconds = time.perf_counter() - began
    rate = rings.offered / seconds
    print(f"{rings.offered} {rings.dropped / rings.offered:.6f} {rate:.0f}")


main()
