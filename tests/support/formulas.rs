//! Exact losses that only this table needs.

/// Loss of D/M/1/K: arrivals `1 / rho` apart, exponential service of mean 1.
///
/// Chain embedded just before arrivals, iterated to its fixed point; `k` counts the packet in
/// service. Textbook.
pub(crate) fn dm1k_loss(rho: f64, k: usize) -> f64 {
    let mean = 1.0 / rho;
    let departures: Vec<f64> = (0..k)
        .scan((-mean).exp(), |p, n| {
            let now = *p;
            *p *= mean / (n + 1) as f64;
            Some(now)
        })
        .collect();
    let mut found = vec![1.0 / (k + 1) as f64; k + 1];
    loop {
        let mut next = vec![0.0; k + 1];
        for (packets, p) in found.iter().enumerate() {
            let joined = (packets + 1).min(k);
            let mut rest = *p;
            for left in (1..=joined).rev() {
                let likely = p * departures[joined - left];
                next[left] += likely;
                rest -= likely;
            }
            next[0] += rest;
        }
        let change: f64 = next.iter().zip(&found).map(|(x, y)| (x - y).abs()).sum();
        found = next;
        if change < 1e-15 {
            return found[k];
        }
    }
}

/// Loss of a relabelled reserve whose packets hold their buffers for independent times of mean 1.
///
/// `n` queues of `a` dedicated buffers and `load` Erlang each, a reserve of `r`. Product form
/// `P(n_1 ..) ~ prod load^(n_i) / n_i!` on `{sum max(0, n_i - a) <= r}`: a truncated reversible
/// process, whatever the distribution of the times.
pub(crate) fn relabelled_hold_loss(n: usize, a: usize, r: usize, load: f64) -> f64 {
    let poisson: Vec<f64> = (0..=a + r)
        .scan(1.0, |weight, packets| {
            let now = *weight;
            *weight *= load / (packets + 1) as f64;
            Some(now)
        })
        .collect();
    // Weights by reserve buffers in use: of any queue, and of one with its dedicated ones full.
    let full = &poisson[a..];
    let mut any = full.to_vec();
    any[0] = poisson[..=a].iter().sum();
    let with = |others: &[f64], queue: &[f64]| -> Vec<f64> {
        (0..=r).map(|used| (0..=used).map(|e| others[used - e] * queue[e]).sum()).collect()
    };
    let mut others = vec![0.0; r + 1];
    others[0] = 1.0;
    for _ in 1..n {
        others = with(&others, &any);
    }
    with(&others, full)[r] / with(&others, &any).iter().sum::<f64>()
}
