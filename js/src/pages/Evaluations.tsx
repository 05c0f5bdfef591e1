// The dataset's evaluations, beside what W&B has of them.

import React, { useCallback, useEffect, useState } from "react";
import { useApp, useData, type Loaded, type Problem } from "../app";
import STYLES from "../evaluations.css?inline";
import { main, title, type Evaluation, type Headline, type Logged } from "../evaluations";
import { number, plural } from "../format";
import type { Go, Where } from "../nav";
import { Age, Card, Loading, Notice, PageProblem, Status } from "../parts";
import type { DatasetFacts } from "../types";
import { EvaluationPage } from "./EvaluationPage";
import { Fields, InWandB, LogButton } from "./evaluationParts";

/** How many evaluations are shown at once. */
const SHOWN = 20;

/** How many of them are read at a time, since each reads the whole dataset; and how many are looked for in W&B. */
const AT_A_TIME = 2;

/** The keys of what has ended, each with what went wrong or null. */
type Ended = ReadonlyMap<string, Problem | null>;

export function Evaluations(props: { where: Where; open: string | undefined; dataset: DatasetFacts | null; go: Go }) {
  const { refresh } = useApp();
  const dataset = props.dataset?.datasetId;
  const loaded = useData<{ evaluations: Evaluation[] }>("evaluations", dataset ? { dataset } : null);
  const all = loaded.data?.evaluations ?? [];
  const opened = props.open === undefined ? undefined : all.find((one) => one.key === props.open);
  return (
    <>
      <style>{STYLES}</style>
      {props.dataset && !dataset && <Notice>Open a dataset to see its evaluations.</Notice>}
      {!opened && <Status of={loaded} again={refresh} />}
      {opened && dataset ? (
        <EvaluationPage key={opened.key} dataset={dataset} evaluation={opened} where={props.where} go={props.go} />
      ) : (
        <>
          {props.open !== undefined && loaded.data && (
            <Notice>This dataset no longer has an evaluation “{props.open}”.</Notice>
          )}
          {loaded.data && dataset && <List all={all} dataset={dataset} where={props.where} go={props.go} />}
        </>
      )}
    </>
  );
}

function List(props: { all: Evaluation[]; dataset: string; where: Where; go: Go }) {
  const { refresh } = useApp();
  const [more, setMore] = useState(false);
  // Numbers come from FiftyOne's database: they do not wait for W&B, which may be slow.
  const [read, setRead] = useEnded();
  const [found, setFound] = useEnded();
  const shown = more ? props.all : props.all.slice(0, SHOWN);
  if (props.all.length === 0) {
    return (
      <Notice>
        This dataset has no evaluations yet. Evaluate a model, for example with{" "}
        <code>dataset.evaluate_detections(&quot;predictions&quot;, eval_key=&quot;eval&quot;)</code>, and press ↻.
      </Notice>
    );
  }
  const whole = shown.filter((one) => one.hasResults);
  const readable = turns(whole, read);
  const findable = turns(
    whole.filter((one) => read.get(one.key) === null),
    found,
  );
  return (
    <>
      {/* W&B says the same of each of them: it is said once. */}
      <PageProblem problem={[...found.values()].find((problem) => problem !== null) ?? null} again={refresh} />
      <ul className="w-list" aria-label="Evaluations">
        {shown.map((one) => (
          <Row
            key={one.key}
            evaluation={one}
            dataset={props.dataset}
            where={props.where}
            go={props.go}
            reads={readable.has(one.key)}
            finds={findable.has(one.key)}
            onRead={setRead}
            onFound={setFound}
          />
        ))}
      </ul>
      {props.all.length > SHOWN && (
        <div>
          <button type="button" aria-expanded={more} onClick={() => setMore(!more)}>
            {more ? "Show fewer" : `Show all ${props.all.length}`}
          </button>
        </div>
      )}
    </>
  );
}

/** What has ended, and a function that notes that something has. */
function useEnded(): [Ended, (key: string, problem: Problem | null) => void] {
  const [ended, setEnded] = useState<Ended>(new Map());
  const end = useCallback(
    (key: string, problem: Problem | null) =>
      setEnded((before) => (before.get(key) === problem ? before : new Map(before).set(key, problem))),
    [],
  );
  return [ended, end];
}

/** The keys of those whose turn it is, or was. */
function turns(all: Evaluation[], ended: Ended): ReadonlySet<string> {
  const next = all.filter((one) => !ended.has(one.key)).slice(0, AT_A_TIME);
  return new Set([...all.filter((one) => ended.has(one.key)), ...next].map((one) => one.key));
}

function Row(props: {
  evaluation: Evaluation;
  dataset: string;
  where: Where;
  go: Go;
  reads: boolean;
  finds: boolean;
  onRead: (key: string, problem: Problem | null) => void;
  onFound: (key: string, problem: Problem | null) => void;
}) {
  const { evaluation, dataset, where, onRead, onFound } = props;
  const { key } = evaluation;
  const headline = useData<Headline>("headline", props.reads ? { dataset, key } : null);
  const logged = useData<Logged>("logged_evaluation", props.finds ? { ...where, dataset, key } : null);
  useTelling(key, headline, onRead);
  useTelling(key, logged, onFound);
  const open = () => props.go({ tab: "evaluations", open: key });
  return (
    <Card
      mine={logged.data?.logged === "logged"}
      label={key}
      aside={
        evaluation.hasResults && !headline.problem && <LogButton evaluation={key} where={where} logged={logged.data} />
      }
    >
      <div className="w-row">
        {evaluation.hasResults && !headline.problem ? (
          <button type="button" className="w-link" onClick={open}>
            {key}
          </button>
        ) : (
          <b>{key}</b>
        )}
        <span className="w-soft w-small">{evaluation.type || "of an unknown type"}</span>
        <Age of={evaluation.evaluated} />
      </div>
      <Fields evaluation={evaluation} />
      {headline.data && <MainMetrics type={evaluation.type} headline={headline.data} />}
      {evaluation.hasResults ? (
        <>
          {headline.problem && <Broken text={headline.problem.text} />}
          {!headline.data && !headline.problem && <Waits text={headline.pending ?? "Waiting to be read"} />}
          {headline.data && <InWandB logged={logged.data} where={where} go={props.go} />}
          {headline.data && !logged.data && !logged.problem && <Waits text={logged.pending ?? "Asking W&B"} />}
          {logged.problem && <div className="w-small w-soft">It is not known whether W&amp;B has it.</div>}
        </>
      ) : (
        <Broken text="No results: this evaluation failed or is still running. Evaluate again with the same key." />
      )}
    </Card>
  );
}

/** Tells the list when an answer is there. */
function useTelling(key: string, loaded: Loaded<unknown>, tell: (key: string, problem: Problem | null) => void) {
  const { problem } = loaded;
  const isThere = problem !== null || (loaded.data !== null && loaded.pending === null);
  useEffect(() => {
    if (isThere) tell(key, problem);
  }, [isThere, problem, key, tell]);
}

function Waits(props: { text: string }) {
  return (
    <div className="w-small">
      <Loading text={props.text} />
    </div>
  );
}

function MainMetrics(props: { type: string; headline: Headline }) {
  return (
    <div className="w-row w-small">
      {main(props.type, props.headline.metrics).map((metric, index) => (
        <span key={metric.name} title={String(metric.value)}>
          <span className="w-soft">{title(metric.name)}</span>{" "}
          {index === 0 ? (
            <b className="w-num">{number(metric.value)}</b>
          ) : (
            <span className="w-num">{number(metric.value)}</span>
          )}
        </span>
      ))}
      {props.headline.changed > 0 && (
        <span className="w-soft">{plural(props.headline.changed, "label")} changed since it was evaluated</span>
      )}
    </div>
  );
}

function Broken(props: { text: string }) {
  return (
    <div className="w-small w-broken" role="note">
      {props.text}
    </div>
  );
}
