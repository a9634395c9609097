"""A model of what a step of several processes costs, fitted to the file of distributed.py.

A message of n bytes takes alpha + n / beta, and each further one that a process sends at the same time o and its own
bytes. A step of B samples in V micro-batches by P processes takes

    T = fixed + V/P micro + B/P sample + exposed,

sample being the time of a sample, micro what a micro-batch adds, and fixed the optimiser and the agreements with one
process. A bucket of n bytes is summed when its last gradient is complete and the bucket before is through. That takes

    tree:            2 (alpha + (P - 2) o + (P - 1)/P n / beta) + (P - 1)/P n gamma,
    MPI_Iallreduce:  2 log2(P) alpha + 2 (P - 1)/P n / beta + (P - 1)/P n gamma:

chunks go to the processes that add them, and sums go back; halves are exchanged and doubled again (Rabenseifner,
"Optimization of Collective Reduction Operations", 2004). gamma is the time of adding a byte. What is not through when
backward ends is exposed, and with it the bucket of the loss and the agreement at the end, 2 log2(P) alpha.
The processes are alike, none waits for a slower one, the network has no other traffic, and messages go on while
the processor computes."""
import collections
import math

FIRST_BUCKET, BUCKET = 1 << 20, 25 << 20

Network = collections.namedtuple("Network", "name alpha beta o")  # seconds, bytes per second, seconds
Costs = collections.namedtuple("Costs", "batch sample fixed micro tape gamma")

# Of messages by TCP through one switch, assumed: the rate but for a tenth, the latency, and a system call.
ETHERNET = (Network("10 Gb/s", 30e-6, 1.1e9, 5e-6), Network("100 Gb/s", 15e-6, 11e9, 3e-6))


def line(points):
    """The straight line of least squares: its value at 0 and its slope."""
    n, sx, sy = len(points), sum(x for x, _ in points), sum(y for _, y in points)
    slope = (sum(x * y for x, y in points) - sx * sy / n) / (sum(x * x for x, _ in points) - sx * sx / n)
    return sy / n - slope * sx / n, slope


def seconds(row):
    """The least of some, for the model knows of no other programs."""
    return 1e-6 * float(row["low"])


def fit_messages(rows, side):
    """Of the memory that processes share: the latency of small messages, the rate of large ones."""
    of = [(int(row["batch"]), seconds(row)) for row in rows if row["how"] == "message" and row["side"] == side]
    alpha = sorted(time for size, time in of if size <= 256)[len([0 for size, _ in of if size <= 256]) // 2]
    _, slope = line([(size, time) for size, time in of if size >= 1 << 20])
    return Network(side, alpha, 1 / slope, alpha)


def fit_steps(rows, network, gamma):
    """Of the steps of one process, by samples and by micro-batches."""
    of = [row for row in rows if row["network"] == network]
    steps = {(int(row["batch"]), int(row["micro"] or 0)): seconds(row) for row in of if row["how"] == "batch"}
    batch = max(b for b, _ in steps)
    sample = (steps[batch, 0] - steps[batch // 2, 0]) / (batch - batch // 2)
    at_none, micro = line([(micro, time) for (b, micro), time in steps.items() if b == batch and micro > 0])
    tape = [(seconds(row), int(row["batch"])) for row in of if row["how"] == "gradient"]
    return Costs(batch, sample, max(0, at_none - batch * sample), max(0, micro), tape, gamma)


def buckets(costs, share):
    """When each bucket is complete, from the beginning of the last micro-batch's backward, and its bytes; `share` is that of
    a micro-batch in the samples of the tape."""
    left, room, end = FIRST_BUCKET, 0, 0
    for time, size in costs.tape[:-1]:
        end = time * share
        while size >= left:
            yield end, room + left
            size, room, left = size - left, 0, BUCKET
        room, left = room + size, left - size
    if room:
        yield end, room


def sum_time(costs, network, processes, size, method):
    if processes == 1:
        return 0
    part = (processes - 1) / processes * size
    if method == "tree":
        return 2 * (network.alpha + (processes - 2) * network.o + part / network.beta) + part * costs.gamma
    return 2 * math.ceil(math.log2(processes)) * network.alpha + 2 * part / network.beta + part * costs.gamma


def step_time(costs, network, processes, batch, micro, method="tree", speed=1):
    """Seconds of a step; `speed` is that of a process in units of the one that was measured."""
    own = micro / processes
    compute = (costs.fixed + own * costs.micro + batch / processes * costs.sample) / speed
    share = batch / micro / costs.batch / speed
    end = 0
    for ready, size in buckets(costs, share):
        end = max(end, ready) + sum_time(costs, network, processes, size, method)
    backward = costs.tape[-1][0] * share
    small = sum_time(costs, network, processes, 8, method)
    agreement = 2 * math.ceil(math.log2(processes)) * network.alpha
    return compute + max(0, end - backward) + small + agreement
