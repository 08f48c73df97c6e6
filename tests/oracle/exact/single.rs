//! Exact loss of one queue with room for `k` packets, the one in service included.

use super::chain::{Chain, SHRINK, normalise, push_scaled};

/// Loss of M/M/1/K: `(1-rho) rho^K / (1-rho^(K+1))`, and `1/(K+1)` at `rho = 1`.
///
/// Computed by the recursion `B_K = rho B_(K-1) / (1 + rho B_(K-1))`, `B_0 = 1`, which is the same
/// without subtractions. `rho`: offered load; textbook result.
pub(crate) fn mm1k_loss(rho: f64, k: usize) -> f64 {
    (0..k).fold(1.0, |b, _| rho * b / (1.0 + rho * b))
}

/// Loss of M/D/1/K from the chain embedded at departures: `1 - 1/(pi_0 + rho)`.
///
/// `rho`: offered load. Textbook embedded chain of M/G/1/K; the loss is summed directly, as lost
/// packets per service over arrivals per service, so that it does not cancel.
pub(crate) fn md1k_loss(rho: f64, k: usize) -> f64 {
    mxd1k_loss(rho, 1.0, k)
}

/// Loss of M[X]/M/1/K with geometric batches on 1, 2, .. and partial acceptance.
///
/// Level crossing `p_(n+1) = lam sum_(i<=n) p_i q^(n-i)` with `q = 1 - 1/b`, `lam = rho/b`;
/// loss `sum_i p_i q^(K-i)`. `rho`: offered load in packets, `mean_batch`: `b`. Textbook.
pub(crate) fn mxm1k_loss(rho: f64, mean_batch: f64, k: usize) -> f64 {
    let q = 1.0 - 1.0 / mean_batch;
    let epoch_rate = rho / mean_batch;
    let (mut total, mut crossing) = (1.0, 1.0);
    for _ in 0..k {
        let p = epoch_rate * crossing;
        total += p;
        crossing = q * crossing + p;
        if total > 1.0 / SHRINK {
            total *= SHRINK;
            crossing *= SHRINK;
        }
    }
    crossing / total
}

/// Loss of M[X]/D/1/K with geometric batches on 1, 2, .., partial acceptance and service time 1.
///
/// Chain embedded at departures, solved by level crossing. `rho`: offered load in packets,
/// `mean_batch`: mean batch size `b`, batches arrive at rate `rho/b`. A cycle starts at a departure
/// and offers `rho` packets, and a batch more if the system was left empty. Textbook. Takes up to
/// 700 batches per service time.
pub(crate) fn mxd1k_loss(rho: f64, mean_batch: f64, k: usize) -> f64 {
    if k == 0 {
        return 1.0;
    }
    let during = Arrivals::compound_poisson(rho, mean_batch, k);
    assert!(during.exactly(0) > 0.0, "a service time without arrivals has a probability");
    let after_idle = during.plus_batch(mean_batch);
    let mut left_behind = vec![1.0];
    for level in 0..k - 1 {
        let from_idle = left_behind[0] * after_idle.at_least(level + 2);
        let from_busy: f64 =
            (1..=level).map(|i| left_behind[i] * during.at_least(level + 2 - i)).sum();
        push_scaled(&mut left_behind, (from_idle + from_busy) / during.exactly(0));
    }
    normalise(&mut left_behind);
    let lost_busy: f64 = (1..k).map(|i| left_behind[i] * during.excess(k - i)).sum();
    let lost = left_behind[0] * after_idle.excess(k) + lost_busy;
    lost / (rho + left_behind[0] * mean_batch)
}

/// Loss of IPP/M/1/K: an interrupted Poisson source, exponential in both phases.
///
/// `on_rate`: packet rate `L` while ON; `mean_burst`: mean packets per ON period `b`, so ON ends at
/// rate `L/b`; `rho`: offered load, so the source is ON for a fraction `rho/L` of the time, which
/// must be below 1. Matrix-analytic (Kuczura, BSTJ 52(3), 1973, for the source).
pub(crate) fn ippm1k_loss(on_rate: f64, mean_burst: f64, rho: f64, k: usize) -> f64 {
    let (on_to_off, off_to_on) = interruption_rates(on_rate, mean_burst, rho);
    mmpp2_m1k_loss(on_rate, 0.0, on_to_off, off_to_on, k)
}

/// Rates of leaving the ON and the OFF phase of an interrupted Poisson source.
pub(super) fn interruption_rates(on_rate: f64, mean_burst: f64, rho: f64) -> (f64, f64) {
    let on_to_off = on_rate / mean_burst;
    (on_to_off, on_to_off * rho / (on_rate - rho))
}

/// Loss of MMPP(2)/M/1/K: Poisson arrivals whose rate is set by a two-phase Markov process.
///
/// `rate_on`, `rate_off`: arrival rate in either phase; `on_to_off`, `off_to_on`: positive rates of
/// the phase changes. The chain on (packets, phase) is a band, eliminated in O(K) without
/// subtractions. Quasi-birth-death process, textbook.
pub(crate) fn mmpp2_m1k_loss(
    rate_on: f64,
    rate_off: f64,
    on_to_off: f64,
    off_to_on: f64,
    k: usize,
) -> f64 {
    let rate = |on: bool| if on { rate_on } else { rate_off };
    let chain = Chain::explore((0_usize, true), |&(packets, on)| {
        let change = if on { on_to_off } else { off_to_on };
        let mut jumps = vec![((packets, !on), change), ((k.min(packets + 1), on), rate(on))];
        if packets > 0 {
            jumps.push(((packets - 1, on), 1.0));
        }
        jumps
    });
    let pi = chain.stationary();
    let lost = chain.mean(&pi, |&(packets, on)| if packets == k { rate(on) } else { 0.0 });
    lost / chain.mean(&pi, |&(_, on)| rate(on))
}

/// What the server of a queue with a setup time does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Server {
    Idle,
    SettingUp,
    Busy,
}

/// Loss of M/M/1/K with a setup: a packet that finds the system empty starts an exponential setup
/// of mean `mean_setup > 0`, during which packets queue and after which the busy period is served.
///
/// Chain on (packets, server); `rho`: offered load. M/M/1 with setup times, textbook.
pub(crate) fn mm1k_setup_loss(rho: f64, mean_setup: f64, k: usize) -> f64 {
    let chain = Chain::explore((0_usize, Server::Idle), |&(packets, server)| {
        let joined = k.min(packets + 1);
        match server {
            Server::Idle if k == 0 => vec![],
            Server::Idle => vec![((1, Server::SettingUp), rho)],
            Server::SettingUp => {
                vec![((joined, server), rho), ((packets, Server::Busy), 1.0 / mean_setup)]
            }
            Server::Busy if packets == 1 => vec![((joined, server), rho), ((0, Server::Idle), 1.0)],
            Server::Busy => vec![((joined, server), rho), ((packets - 1, server), 1.0)],
        }
    });
    let pi = chain.stationary();
    chain.mean(&pi, |&(packets, _)| if packets == k { 1.0 } else { 0.0 })
}

/// Loss of `k` buffers fed by Poisson arrivals and freed by a poll at every multiple of `period`.
///
/// `lambda`: arrival rate; `budget`: buffers a poll frees at most, 0 for all that hold a packet.
/// Chain on the buffers still held after a poll, which `n -> max(0, min(n+A, K) - budget)` moves
/// with `A` Poisson; loss `E[(A - (K-n))^+] / (lambda period)`. Jumps less likely than 1e-60 are
/// left out, which keeps the chain a band. Bulk-service queue, textbook.
pub(crate) fn periodic_poll_loss(lambda: f64, period: f64, budget: usize, k: usize) -> f64 {
    let offered = lambda * period;
    let arrivals = Arrivals::compound_poisson(offered, 1.0, k);
    let freed = if budget == 0 { k } else { budget };
    let chain = Chain::explore(0_usize, |&held| {
        let room = k - held;
        let below = (0..room).map(|accepted| (held + accepted, arrivals.exactly(accepted)));
        let full = (k, arrivals.at_least(room));
        let likely = below.chain([full]).filter(|&(_, p)| p > 1e-60);
        likely.map(|(found, p)| (found.saturating_sub(freed), p)).collect()
    });
    let pi = chain.stationary();
    chain.mean(&pi, |&held| arrivals.excess(k - held)) / offered
}

/// Loss of M/G/n/n: the Erlang B recursion `B_n = A B_(n-1) / (n + A B_(n-1))`, `B_0 = 1`.
///
/// `load`: offered load `A` in Erlang, `n`: servers. Erlang's loss formula.
pub(crate) fn erlang_b(load: f64, n: usize) -> f64 {
    (1..=n).fold(1.0, |b, servers| load * b / (servers as f64 + load * b))
}

/// The distribution of a number of arrivals, cut where the rest no longer counts.
struct Arrivals {
    probability: Vec<f64>,
    tail: Vec<f64>,
    overshoot: Vec<f64>,
}

impl Arrivals {
    /// Packets of a Poisson number of geometric batches, `mean` packets and `mean_batch` per batch,
    /// precise also in the tail up to and beyond `size`.
    ///
    /// Panjer's recursion `n a_n = lam sum_j j f_j a_(n-j)`, whose sum for geometric `f` follows
    /// from `u_n = q u_(n-1) + p a_(n-1)` and `v_n = q v_(n-1) + u_n`.
    fn compound_poisson(mean: f64, mean_batch: f64, size: usize) -> Self {
        let p = 1.0 / mean_batch;
        let q = 1.0 - p;
        let (mut single, mut weighted) = (0.0, 0.0);
        let mut weights = vec![1.0];
        for n in 1.. {
            single = q * single + p * weights[n - 1];
            weighted = q * weighted + single;
            let weight = mean * p / n as f64 * weighted;
            push_scaled(&mut weights, weight);
            if weight > weights[n] {
                single *= SHRINK;
                weighted *= SHRINK;
            }
            if n > size + 1 && n as f64 > 2.0 * mean && weights[n] <= 1e-22 * weights[size + 1] {
                break;
            }
        }
        Self::from_weights(weights)
    }

    /// The distribution of one geometric batch more.
    fn plus_batch(&self, mean_batch: f64) -> Self {
        let p = 1.0 / mean_batch;
        let mut weights = vec![0.0];
        for (n, probability) in self.probability.iter().enumerate() {
            weights.push((1.0 - p) * weights[n] + p * probability);
        }
        Self::from_weights(weights)
    }

    fn from_weights(mut weights: Vec<f64>) -> Self {
        normalise(&mut weights);
        let tail = sums_to_the_end(&weights);
        let overshoot = sums_to_the_end(&tail[1..]);
        Self { probability: weights, tail, overshoot }
    }

    /// Probability of exactly `n` arrivals.
    fn exactly(&self, n: usize) -> f64 {
        self.probability[n]
    }

    /// Probability of `n` arrivals or more.
    fn at_least(&self, n: usize) -> f64 {
        self.tail[n]
    }

    /// Mean number of arrivals beyond the first `n`.
    fn excess(&self, n: usize) -> f64 {
        self.overshoot[n]
    }
}

/// The sum of `values[i..]` for every `i`, and the empty sum.
fn sums_to_the_end(values: &[f64]) -> Vec<f64> {
    let mut sums = vec![0.0; values.len() + 1];
    for (i, value) in values.iter().enumerate().rev() {
        sums[i] = sums[i + 1] + value;
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::super::assert_close;
    use super::*;

    /// Relative half unit of the last of seven printed digits.
    const SEVEN: f64 = 5e-7;

    /// The rows of a printed table: a size, and the losses, `-` where none is printed.
    fn rows(table: &str) -> impl Iterator<Item = (usize, Vec<Option<f64>>)> {
        table.trim().lines().map(|line| {
            let mut words = line.split_whitespace();
            let size = words.next().unwrap().parse().unwrap();
            (size, words.map(|word| (word != "-").then(|| word.parse().unwrap())).collect())
        })
    }

    #[test]
    fn mm1k_matches_the_printed_table() {
        let loads = [0.5, 0.8, 0.9, 0.95, 1.0, 1.1];
        let table = "
            8   1.956947e-3  3.875620e-2  7.027124e-2 8.971188e-2 1.111111e-1 1.578550e-1
            16  7.629453e-6  5.759185e-3  2.223905e-2 3.781939e-2 5.882353e-2 1.133310e-1
            32  1.164153e-10 1.585568e-4  3.543179e-3 1.186995e-2 3.030303e-2 9.499946e-2
            64  2.710505e-20 1.255421e-7  1.180271e-4 1.945562e-3 1.538462e-2 9.109486e-2
            128 1.469368e-39 7.880401e-14 1.390086e-7 7.049735e-5 7.751938e-3 9.090951e-2";
        for (k, losses) in rows(table) {
            assert_eq!(losses.len(), loads.len());
            for (rho, loss) in loads.into_iter().zip(losses) {
                assert_close(mm1k_loss(rho, k), loss.unwrap(), SEVEN);
            }
        }
    }

    #[test]
    fn md1k_matches_the_printed_table() {
        let loads = [0.5, 0.8, 0.9, 0.95];
        let table = "
            2  9.627448e-2  1.995703e-1  2.346371e-1 2.519119e-1
            8  5.006826e-5  8.789509e-3  2.726360e-2 4.315933e-2
            16 2.159004e-9  2.707253e-4  4.337240e-3 1.313118e-2
            32 4.014904e-18 2.743222e-7  1.519762e-4 2.148284e-3
            64 1.388413e-35 2.822695e-13 2.006227e-7 7.973854e-5";
        for (k, losses) in rows(table) {
            assert_eq!(losses.len(), loads.len());
            for (rho, loss) in loads.into_iter().zip(losses) {
                assert_close(md1k_loss(rho, k), loss.unwrap(), SEVEN);
                assert_close(mxd1k_loss(rho, 1.0, k), md1k_loss(rho, k), 1e-14);
            }
        }
        assert_close(md1k_loss(0.7, 1), 0.7 / 1.7, 1e-14);
    }

    #[test]
    fn mxm1k_matches_the_printed_table() {
        let sources = [(0.5, 8.0), (0.8, 8.0), (0.5, 32.0), (0.8, 32.0)];
        let table = "
            64   8.102826e-3  4.700566e-2  2.232315e-1 2.883097e-1
            256  3.339003e-8  3.067214e-4  8.952577e-3 4.787021e-2
            1024 9.943907e-30 1.100922e-12 4.959059e-8 3.261289e-4";
        for (k, losses) in rows(table) {
            assert_eq!(losses.len(), sources.len());
            for ((rho, batch), loss) in sources.into_iter().zip(losses) {
                assert_close(mxm1k_loss(rho, batch, k), loss.unwrap(), SEVEN);
            }
            assert_close(mxm1k_loss(0.9, 1.0, k), mm1k_loss(0.9, k), 1e-12);
        }
        assert_close(mxm1k_loss(3.0, 2.0, 4096), 2.0 / 3.0, 1e-12);
    }

    #[test]
    fn ippm1k_matches_the_printed_table() {
        let sources = [
            (2.0, 16.0, 0.5),
            (10.0, 64.0, 0.5),
            (10.0, 64.0, 0.8),
            (10.0, 256.0, 0.5),
            (4.0, 512.0, 0.5),
        ];
        let table = "
            64   4.296901e-3  3.637295e-1 4.039668e-1 6.940029e-1 6.396779e-1
            128  4.877756e-5  1.763100e-1 2.374919e-1 5.483457e-1 5.498487e-1
            256  6.338844e-9  4.968480e-2 1.086878e-1 3.598892e-1 4.152223e-1
            512  1.070613e-16 4.742843e-3 3.319871e-2 1.734092e-1 2.510318e-1
            1024 3.05e-32     4.695076e-5 4.464663e-3 4.830888e-2 1.035792e-1
            4096 -            4.544e-17   4.930481e-8 4.236878e-5 9.838927e-4";
        for (k, losses) in rows(table) {
            assert_eq!(losses.len(), sources.len());
            for ((on_rate, burst, rho), loss) in sources.into_iter().zip(losses) {
                let Some(loss) = loss else { continue };
                // The two smallest are printed with three and four digits.
                let tolerance = match loss {
                    3.0e-32..3.1e-32 => 5e-3 / 3.0,
                    4.5e-17..4.6e-17 => 5e-4 / 4.5,
                    _ => SEVEN,
                };
                assert_close(ippm1k_loss(on_rate, burst, rho, k), loss, tolerance);
            }
        }
    }

    #[test]
    fn mxd1k_agrees_with_hand_calculations() {
        let (rho, batch) = (0.8_f64, 4.0);
        assert_close(mxd1k_loss(rho, batch, 1), 1.0 - 1.0 / (batch + rho), 1e-14);
        // K = 2: a cycle leaves 0 or 1 packet behind. From 0 it leaves 0 if the batch is one packet
        // and none follow, from 1 if none arrive; both accept all but what exceeds two packets.
        let none = (-rho / batch).exp();
        let idle_to_one = 1.0 - none / batch;
        let idle = none / (none + idle_to_one);
        let loss = 1.0 - 1.0 / (rho + idle * batch);
        assert_close(mxd1k_loss(rho, batch, 2), loss, 1e-13);
        // Long queues in overload lose what the server cannot carry.
        assert_close(mxd1k_loss(1.25, batch, 1000), 0.2, 1e-9);
        assert!(mxd1k_loss(rho, batch, 64) < mxm1k_loss(rho, batch, 64));
        assert!(mxd1k_loss(rho, batch, 64) > md1k_loss(rho, 64));
    }

    #[test]
    fn mmpp2_has_the_right_limits() {
        for k in [0, 1, 5, 40] {
            assert_close(mmpp2_m1k_loss(0.9, 0.9, 0.3, 0.7, k), mm1k_loss(0.9, k), 1e-12);
            let mean = (0.25 * 2.0 + 0.75 * 0.4) / 1.0;
            let fast = mmpp2_m1k_loss(2.0, 0.4, 3e9, 1e9, k);
            assert_close(fast, mm1k_loss(mean, k), 1e-6);
            let slow = mmpp2_m1k_loss(2.0, 0.4, 3e-9, 1e-9, k);
            let lost = 0.25 * 2.0 * mm1k_loss(2.0, k) + 0.75 * 0.4 * mm1k_loss(0.4, k);
            assert_close(slow, lost / mean, 1e-6);
        }
    }

    #[test]
    fn setup_agrees_with_hand_calculations() {
        let (rho, setup) = (0.7, 2.5);
        assert_close(mm1k_setup_loss(rho, setup, 0), 1.0, 1e-14);
        let loss = (setup + 1.0) / (1.0 / rho + setup + 1.0);
        assert_close(mm1k_setup_loss(rho, setup, 1), loss, 1e-13);
        // K = 2, relative to the empty system: setting up with 1 and 2, busy with 1 and 2.
        let setting_up = rho / (rho + 1.0 / setup);
        let stuck = rho * setting_up * setup;
        let busy_full = rho * (setting_up + rho);
        let loss = (stuck + busy_full) / (1.0 + setting_up + stuck + rho + busy_full);
        assert_close(mm1k_setup_loss(rho, setup, 2), loss, 1e-13);
        for k in [1, 8, 64] {
            assert_close(mm1k_setup_loss(0.9, 1e-12, k), mm1k_loss(0.9, k), 1e-9);
            assert!(mm1k_setup_loss(0.9, 5.0, k) > mm1k_loss(0.9, k));
        }
    }

    #[test]
    fn polling_everything_loses_what_exceeds_the_buffers() {
        let (lambda, period) = (0.5, 3.0);
        let mean: f64 = lambda * period;
        let one = (mean - 1.0 + (-mean).exp()) / mean;
        assert_close(periodic_poll_loss(lambda, period, 0, 1), one, 1e-13);
        for budget in [7, 8] {
            let all = periodic_poll_loss(lambda, period, 0, 7);
            assert_close(periodic_poll_loss(lambda, period, budget, 7), all, 1e-14);
        }
        // With as many buffers as mean arrivals the loss is the Poisson probability of the mean.
        let stirling = |m: f64| {
            let series = 1.0 / (12.0 * m) - 1.0 / (360.0 * m.powi(3));
            (-series).exp() / (std::f64::consts::TAU * m).sqrt()
        };
        for k in [100, 1000, 3000] {
            assert_close(periodic_poll_loss(k as f64, 1.0, 0, k), stirling(k as f64), 1e-11);
        }
    }

    #[test]
    fn polling_with_a_budget_agrees_with_a_hand_calculation() {
        let mean: f64 = 0.8;
        let none = (-mean).exp();
        let two_or_more = 1.0 - none * (1.0 + mean);
        let held = two_or_more / (two_or_more + none);
        let beyond_one = mean - 1.0 + none;
        let beyond_two = beyond_one - two_or_more;
        let loss = ((1.0 - held) * beyond_two + held * beyond_one) / mean;
        assert_close(periodic_poll_loss(0.4, 2.0, 1, 2), loss, 1e-12);
        // A poll that frees less than what arrives loses the difference.
        assert_close(periodic_poll_loss(10.0, 1.0, 8, 200), 0.2, 1e-9);
    }

    #[test]
    fn erlang_b_agrees_with_the_formula() {
        assert_close(erlang_b(4.0, 8), 3.042006e-2, SEVEN);
        assert_close(erlang_b(2.0, 2), 0.4, 1e-14);
        assert_close(erlang_b(0.3, 0), 1.0, 1e-14);
    }
}
