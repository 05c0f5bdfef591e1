// What this plugin does and did, here and in the background.

import React, { useEffect, useState } from "react";
import { useAction, useApp } from "../app";
import { ago, plural, span } from "../format";
import { pathOf, type Go, type Where } from "../nav";
import { OfflineRuns } from "./OfflineRuns";
import { LinkOut, Loading, Notice, ProblemNotice, State } from "../parts";
import type { Job, SharedJob } from "../types";

const NAMES: Record<string, string> = {
  log_fiftyone_view_to_wandb: "Save view as artifact",
  log_model_predictions: "Log predictions",
  log_evaluation_to_wandb: "Log evaluation",
  load_view_from_wandb: "Load view",
  sync_wandb_offline: "Upload an offline run",
};

export function isGoing(job: Job): boolean {
  return job.state === "running" || job.state === "queued";
}

export function Jobs(props: {
  where: Where;
  jobs: Job[] | null;
  problem: React.ReactNode;
  reload: () => void;
  go: Go;
}) {
  const now = useSeconds();
  if (!props.jobs) return <>{props.problem ?? <Loading text="Reading the list of jobs" />}</>;
  return (
    <>
      {props.problem}
      <OfflineRuns now={now} reload={props.reload} />
      {props.jobs.length === 0 && (
        <Notice>
          There are no jobs yet. What this plugin logs and loads, here and in the background, shows up here.
        </Notice>
      )}
      <ul className="w-list">
        {props.jobs.map((job) => (
          <JobRow key={job.id} where={props.where} job={job} now={now} reload={props.reload} go={props.go} />
        ))}
      </ul>
    </>
  );
}

function useSeconds(): number {
  const [now, setNow] = useState(() => Date.now() / 1000);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now() / 1000), 5000);
    return () => clearInterval(timer);
  }, []);
  return now;
}

/** What a job is or was about, as long as there is no result that says it. */
function Aim(props: { parameters: Record<string, unknown> }) {
  const { project, artifact_name: name, artifact, model_name: model } = props.parameters;
  const parts = [
    name && `artifact ${String(name)}`,
    artifact && `artifact ${String(artifact)}`,
    model && `model ${String(model)}`,
    project && `project ${String(project)}`,
  ].filter(Boolean);
  return parts.length > 0 ? <p className="w-small w-soft">{parts.join(" · ")}</p> : null;
}

/** The workers that share a job, and how far they are. */
function Workers(props: { shared: SharedJob; label: string }) {
  const { shards, read, uploaded, waiting, workers } = props.shared;
  const alive = workers.filter((worker) => worker.alive);
  const counts = [
    alive.length > 0 &&
      `${plural(alive.length, "worker")} on ${[...new Set(alive.map((worker) => worker.host))].join(", ")}`,
    waiting > 0 && `${plural(waiting, "worker")} waiting for a background service`,
    // The job's own line may say it already.
    shards > 0 &&
      !props.label.includes(" parts read") &&
      `${read} of ${plural(shards, "part")} read, ${uploaded} uploaded`,
  ].filter(Boolean);
  const notes = workers.filter((worker) => worker.note);
  return (
    <>
      {counts.length > 0 && <p className="w-small w-soft w-num">{counts.join(" · ")}</p>}
      {notes.map((worker) => (
        <p key={worker.slot} className="w-small w-soft">
          Worker {worker.slot} on {worker.host}: {worker.note}
        </p>
      ))}
    </>
  );
}

function JobRow(props: { where: Where; job: Job; now: number; reload: () => void; go: Go }) {
  const { calls } = useApp();
  const { job } = props;
  const action = useAction();
  const [asked, setAsked] = useState(false);
  const going = isGoing(job);
  const title = NAMES[job.operator] ?? job.operator;
  const end = job.finished ?? job.updated;
  return (
    <li className="w-card" aria-label={`${title}, ${job.state}`}>
      <div className="w-row">
        <b>{title}</b>
        <State state={job.state} />
        <span className="w-soft w-small">{job.dataset}</span>
        <span className="w-soft w-small">{ago(Math.max(0, props.now - job.created))}</span>
        {!going && end > job.created && <span className="w-soft w-small">took {span(end - job.created)}</span>}
        {job.delegated && <span className="w-tag">background</span>}
        {job.dryRun && <span className="w-tag">dry run: nothing was logged</span>}
      </div>
      {going && (
        <>
          <div
            className="w-progress"
            role="progressbar"
            aria-label={title}
            aria-valuemin={0}
            aria-valuemax={100}
            aria-valuenow={Math.round(100 * job.fraction)}
          >
            <div style={{ width: `${100 * job.fraction}%` }} />
          </div>
          <p className="w-small w-num">{asked ? "Stopping …" : job.label}</p>
        </>
      )}
      {(going || job.error) && <Aim parameters={job.parameters} />}
      {job.shared && job.state !== "completed" && <Workers shared={job.shared} label={going ? job.label : ""} />}
      {job.error && (
        <p className="w-small" role="note">
          {job.error}
        </p>
      )}
      {job.warnings.map((warning) => (
        <p key={warning} className="w-small w-soft">
          {warning}
        </p>
      ))}
      <div className="w-bar">
        {job.artifact && (
          <button
            type="button"
            className="w-link"
            onClick={() => props.go({ tab: "artifacts", open: pathOf(job.artifact ?? "", job, props.where) })}
          >
            {job.artifact}
          </button>
        )}
        {job.samples !== null && <span className="w-small w-soft">{plural(job.samples, "sample")}</span>}
        <span className="w-right w-bar">
          {job.url && <LinkOut url={job.url}>W&amp;B</LinkOut>}
          {going ? (
            <button
              type="button"
              disabled={asked || action.busy !== null}
              onClick={() =>
                action.start("Stopping", async () => {
                  await calls.ask("cancel", { job: job.id });
                  setAsked(true);
                  props.reload();
                })
              }
            >
              Cancel
            </button>
          ) : (
            <>
              {job.shared?.resumable && (
                <button
                  type="button"
                  title="Queues workers for what is left"
                  onClick={() => calls.prompt("resume_wandb_job", { job_id: job.id })}
                >
                  Resume
                </button>
              )}
              <button
                type="button"
                title="Opens the form with the same values, for the view in the grid"
                onClick={() => calls.prompt(job.operator, job.parameters)}
              >
                Run again
              </button>
              <button
                type="button"
                aria-label={`Remove ${title} from the list`}
                title="Remove from the list"
                onClick={() =>
                  action.start("Removing", async () => {
                    await calls.ask("remove_job", { job: job.id });
                    props.reload();
                  })
                }
              >
                ✕
              </button>
            </>
          )}
        </span>
      </div>
      <ProblemNotice problem={action.problem} />
    </li>
  );
}
