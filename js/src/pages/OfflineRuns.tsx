// Offline runs that are not uploaded yet.

import React from "react";
import { useAction, useApp, useData } from "../app";
import { ago, plural } from "../format";
import { Card, Loading, ProblemNotice, Section } from "../parts";
import type { OfflineRun } from "../types";

export function OfflineRuns(props: { now: number; reload: () => void }) {
  const loaded = useData<{ runs: OfflineRun[] }>("offline", {});
  const runs = loaded.data?.runs ?? [];
  if (runs.length === 0) return <ProblemNotice problem={loaded.problem} />;
  return (
    <Section title="Offline runs to upload">
      <ProblemNotice problem={loaded.problem} />
      <ul className="w-list">
        {runs.map((run) => (
          <Waiting key={run.directory} run={run} now={props.now} reload={props.reload} />
        ))}
      </ul>
    </Section>
  );
}

function Waiting(props: { run: OfflineRun; now: number; reload: () => void }) {
  const { calls, refresh } = useApp();
  const { run } = props;
  const action = useAction();
  const upload = () =>
    action.start("Uploading", async (say) => {
      const { syncing } = await calls.ask<{ syncing: string }>("sync", { directory: run.directory });
      props.reload();
      await calls.ask("syncing", { syncing }, { onPending: say });
      refresh();
      props.reload();
    });
  const place = [run.entity, run.project].filter(Boolean).join("/");
  return (
    <Card
      label={`Offline run ${run.name}`}
      aside={
        <button type="button" className="w-main" disabled={action.busy !== null} onClick={upload}>
          Upload
        </button>
      }
    >
      <div className="w-row">
        <b>{run.artifact || run.name}</b>
        {run.type && <span className="w-soft w-small">{run.type}</span>}
        {place && <span className="w-soft w-small">to {place}</span>}
        {run.rows !== null && <span className="w-soft w-small">{plural(run.rows, "sample")}</span>}
        {run.written > 0 && <span className="w-soft w-small">{ago(Math.max(0, props.now - run.written))}</span>}
      </div>
      <p className="w-small w-soft">{run.directory}</p>
      {action.busy && <Loading text={action.busy} />}
      <ProblemNotice problem={action.problem} />
    </Card>
  );
}
