//! Scripts that run the shards of a plan under schedulers people have.

use std::path::Path;

use crate::sweep::Shard;

/// Who runs the shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheduler {
    /// An array job of Slurm.
    Slurm,
    /// An Indexed Job of Kubernetes.
    Kubernetes,
    /// GNU parallel.
    Parallel,
    /// Snakemake.
    Snakemake,
}

/// What a script is made from.
#[derive(Debug, Clone, Copy)]
pub struct Emit<'a> {
    /// This program.
    pub program: &'a Path,
    /// The plan's folder, seen from where the shards run.
    pub folder: &'a Path,
    /// How many shards there are.
    pub shards: usize,
    /// Container image, for Kubernetes.
    pub image: &'a str,
}

impl Emit<'_> {
    /// The script for a scheduler.
    #[must_use]
    pub fn script(&self, scheduler: Scheduler) -> String {
        match scheduler {
            Scheduler::Slurm => self.slurm(),
            Scheduler::Kubernetes => self.kubernetes(),
            Scheduler::Parallel => self.parallel(),
            Scheduler::Snakemake => self.snakemake(),
        }
    }

    /// `SLURM_ARRAY_TASK_ID` is the shard, whichever of them a job runs. A shard takes one core, as
    /// many small jobs are placed sooner than few large ones.
    fn slurm(&self) -> String {
        let (program, folder) = self.quoted();
        let last = self.shards - 1;
        let log = quoted(&format!("{}/slurm-%a.log", self.folder.display()));
        format!(
            "#!/bin/sh
# Submit with sbatch. To run some shards again: sbatch --array=2,5 THIS_FILE; a shard that is done
# ends at once, one that was cut off goes on. Then:
#   {program} shard merge {folder} --out RESULTS
#SBATCH --job-name=rxplan
#SBATCH --array=0-{last}
#SBATCH --cpus-per-task=1
#SBATCH --output={log}
#SBATCH --requeue
exec {program} shard run {folder} --quiet
"
        )
    }

    /// Exit status 2 means that trying again is no use.
    fn kubernetes(&self) -> String {
        let Self { shards, image, .. } = self;
        format!(
            "# kubectl apply -f THIS_FILE. The claim holds the plan's folder; one pod a shard.
apiVersion: batch/v1
kind: Job
metadata:
  name: rxplan
spec:
  completionMode: Indexed
  completions: {shards}
  parallelism: {}
  backoffLimitPerIndex: 3
  podFailurePolicy:
    rules:
      - action: FailIndex
        onExitCodes:
          operator: In
          values: [2]
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: rxplan
          image: {image:?}
          command: [rxplan, shard, run, /plan, --quiet, --jobs, \"1\"]
          resources:
            requests:
              cpu: 1
          volumeMounts:
            - name: plan
              mountPath: /plan
      volumes:
        - name: plan
          persistentVolumeClaim:
            claimName: rxplan-plan
",
            shards.min(&PODS_AT_ONCE),
        )
    }

    fn parallel(&self) -> String {
        let (program, folder) = self.quoted();
        let last = self.shards - 1;
        let log = quoted(&format!("{}/joblog", self.folder.display()));
        format!(
            "#!/bin/sh
# Run it again to go on after a failure. More machines: --sshlogin, with the folder shared. Then:
#   {program} shard merge {folder} --out RESULTS
seq 0 {last} | exec parallel --joblog {log} --resume-failed --retries 3 \\
    {program} shard run {folder} --quiet --jobs 1 --shard {{}}
"
        )
    }

    fn snakemake(&self) -> String {
        let (program, folder) = (&self.program.display(), &self.folder.display());
        let shards = self.shards;
        let any = Shard { index: 0, count: shards }.part_name().replace("00000-of", "{shard}-of");
        format!(
            "# snakemake --snakefile THIS_FILE --cores all
PROGRAM = {program:?}
PLAN = {folder:?}
PART = PLAN + \"/{any}\"

rule merge:
    input: expand(PART, shard=[f\"{{shard:05}}\" for shard in range({shards})])
    output: PLAN + \"/merged/sweep.csv\"
    shell: \"{{PROGRAM:q}} shard merge {{PLAN:q}} --out {{PLAN:q}}/merged --format csv >/dev/null\"

rule shard:
    output: PART
    params: shard=lambda wildcards: int(wildcards.shard)
    shell: \"{{PROGRAM:q}} shard run {{PLAN:q}} --shard {{params.shard}} --quiet --jobs 1\"
",
            program = program.to_string(),
            folder = folder.to_string(),
        )
    }

    /// Program and folder, quoted for a shell.
    fn quoted(&self) -> (String, String) {
        (quoted(&self.program.display().to_string()), quoted(&self.folder.display().to_string()))
    }
}

/// Pods that run at once; a cluster's owner may raise it.
const PODS_AT_ONCE: usize = 100;

/// Text quoted for a shell, where it must be.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%".contains(c);
    match text.chars().all(plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn what_a_shell_would_change_is_quoted() {
        assert_eq!(quoted("/a/b-c.d"), "/a/b-c.d");
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
