// What the list of evaluations and the page of one have in common.

import React from "react";
import { useApp } from "../app";
import type { Evaluation, Logged } from "../evaluations";
import { pathOf, type Go, type Where } from "../nav";
import { Age, LinkOut } from "../parts";

export function Fields(props: { evaluation: Evaluation }) {
  const { evaluation } = props;
  return (
    <div className="w-row w-small w-soft">
      <span>
        {evaluation.predictions} against {evaluation.truth}
      </span>
      {evaluation.method && <span>{evaluation.method}</span>}
      {evaluation.iou !== null && <span>IoU {evaluation.iou}</span>}
      {evaluation.ofView && <span>of a view</span>}
    </div>
  );
}

const STATES = { logged: "logged", changed: "changed since", not_logged: "not logged" } as const;

/** Whether W&B has an evaluation, with the ways to its artifact and its run. */
export function InWandB(props: { logged: Logged | null; where: Where; go: Go }) {
  const { logged, where, go } = props;
  if (!logged) return null;
  const { artifact, run } = logged;
  return (
    <>
      <div className="w-row w-small">
        <span className={`w-state w-in-${logged.logged}`}>{STATES[logged.logged]}</span>
        {artifact && (
          <button
            type="button"
            className="w-link w-small"
            aria-label={`The artifact ${artifact.name}:${artifact.version}`}
            onClick={() =>
              go({ tab: "artifacts", open: pathOf(`${artifact.name}:${artifact.version}`, artifact, where) })
            }
          >
            {artifact.name}:{artifact.version}
          </button>
        )}
        {artifact && run && (
          <button
            type="button"
            className="w-link w-small"
            aria-label={`The run ${run.name}`}
            onClick={() => go({ tab: "runs", open: pathOf(run.id, artifact, where) })}
          >
            {run.name}
          </button>
        )}
        <Age of={logged.loggedAt ?? ""} />
      </div>
      {logged.note && <div className="w-small w-soft">{logged.note}.</div>}
    </>
  );
}

/** Opens the form that logs an evaluation, or the page of what was logged. */
export function LogButton(props: { evaluation: string; where: Where; logged: Logged | null; compareWith?: string }) {
  const { calls, refresh } = useApp();
  const { logged } = props;
  if (!logged) return null;
  const current = logged.logged === "logged";
  return (
    <>
      {current || (
        <button
          type="button"
          className="w-main"
          aria-label={`Log ${props.evaluation} to W&B`}
          onClick={() =>
            calls.prompt(
              "log_evaluation_to_wandb",
              {
                ...props.where,
                eval_key: props.evaluation,
                ...(logged.artifact ? { artifact_name: logged.artifact.name } : {}),
              },
              refresh,
            )
          }
        >
          {logged.artifact ? "Log again" : "Log"}
        </button>
      )}
      {logged.artifact && (
        <LinkOut url={logged.artifact.url} label={`Open ${logged.artifact.name}:${logged.artifact.version} in W&B`}>
          W&amp;B
        </LinkOut>
      )}
    </>
  );
}
