// Small pieces that all pages are made of.

import React, { useContext } from "react";
import { openTab, Said, type Loaded, type Problem } from "./app";
import { age, exact, text, webAddress } from "./format";

export function LinkOut(props: { url: string; children: React.ReactNode; main?: boolean; label?: string }) {
  if (!webAddress(props.url)) return null;
  return (
    <button
      type="button"
      className={props.main ? "w-main" : undefined}
      aria-label={props.label}
      onClick={() => openTab(props.url)}
    >
      {props.children} <span aria-hidden="true">↗</span>
    </button>
  );
}

export function Loading(props: { text: string }) {
  return (
    <span className="w-loading" role="status">
      {props.text} …
    </span>
  );
}

export function Notice(props: { kind?: "error" | "info"; children: React.ReactNode; actions?: React.ReactNode }) {
  const kind = props.kind ?? "info";
  return (
    <div className={`w-notice w-${kind}`} role={kind === "error" ? "alert" : "note"}>
      {props.children}
      {props.actions && <div className="w-bar">{props.actions}</div>}
    </div>
  );
}

export function ProblemNotice(props: { problem: Problem | null; again?: () => void }) {
  if (!props.problem) return null;
  return (
    <Notice
      kind="error"
      actions={
        props.again && (
          <button type="button" onClick={props.again}>
            Try again
          </button>
        )
      }
    >
      {props.problem.text}
    </Notice>
  );
}

/** What went wrong with a page's data, unless the panel says that above the page already. */
export function PageProblem(props: { problem: Problem | null; again: () => void }) {
  const said = useContext(Said);
  if (props.problem?.code === said) return null;
  return <ProblemNotice problem={props.problem} again={props.again} />;
}

/** A thin line while newer data are on their way. It takes no space, so that nothing jumps. */
export function Refreshing() {
  return (
    <div className="w-refreshing" role="status">
      <span className="w-unseen">Refreshing …</span>
    </div>
  );
}

/** What stands in a page's place until its data are there, and beside them while newer ones come. */
export function Status(props: { of: Loaded<unknown>; again: () => void }) {
  const { data, pending } = props.of;
  return (
    <>
      <PageProblem problem={props.of.problem} again={props.again} />
      {pending && (data ? <Refreshing /> : <Loading text={pending} />)}
    </>
  );
}

/** An entry of a list, with what can be done to it at its right. */
export function Card(props: {
  children: React.ReactNode;
  aside?: React.ReactNode;
  mine?: boolean;
  current?: boolean;
  label?: string;
}) {
  return (
    <li
      className={props.mine ? "w-card w-mine" : "w-card"}
      aria-current={props.current || undefined}
      aria-label={props.label}
    >
      <div className="w-entry">
        <div className="w-what">{props.children}</div>
        {props.aside && <div className="w-aside">{props.aside}</div>}
      </div>
    </li>
  );
}

export function Tags(props: { tags: string[] }) {
  return (
    <>
      {props.tags.map((tag) => (
        <span key={tag} className="w-tag" title={tag}>
          {tag}
        </span>
      ))}
    </>
  );
}

export function State(props: { state: string }) {
  if (!props.state) return null;
  return <span className={`w-state w-small w-${props.state.replace(/\W/g, "")}`}>{props.state}</span>;
}

export function Age(props: { of: string }) {
  const shown = age(props.of);
  if (!shown) return null;
  return (
    <time className="w-soft w-small" dateTime={props.of} title={exact(props.of)}>
      {shown}
    </time>
  );
}

export function KeyValues(props: { values: Record<string, unknown>; name: string }) {
  const entries = Object.entries(props.values);
  if (entries.length === 0) return <p className="w-soft">Nothing is recorded.</p>;
  return (
    <table className="w-kv" aria-label={props.name}>
      <tbody>
        {entries.map(([key, value]) => (
          <tr key={key}>
            <th scope="row">{key}</th>
            <td className="w-num">{text(value)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export function Section(props: { title: string; children: React.ReactNode; action?: React.ReactNode }) {
  return (
    <section aria-label={props.title}>
      <div className="w-bar">
        <h3>{props.title}</h3>
        {props.action}
      </div>
      {props.children}
    </section>
  );
}

export function Back(props: { to: string; onClick: () => void }) {
  return (
    <div>
      <button type="button" className="w-link" onClick={props.onClick}>
        ← {props.to}
      </button>
    </div>
  );
}

export function Field(props: { label: string; children: React.ReactNode }) {
  return (
    <label className="w-bar w-small">
      <span className="w-soft">{props.label}</span>
      {props.children}
    </label>
  );
}

/** Tabs that the arrow keys move between. */
export function Tabs<T extends string>(props: {
  name: string;
  tabs: readonly (readonly [T, string])[];
  chosen: T;
  choose: (tab: T) => void;
}) {
  const move = (event: React.KeyboardEvent, index: number) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = (index + step + props.tabs.length) % props.tabs.length;
    const tab = props.tabs[next];
    if (tab) props.choose(tab[0]);
    const buttons = event.currentTarget.parentElement?.querySelectorAll<HTMLButtonElement>("[role=tab]");
    buttons?.[next]?.focus();
  };
  return (
    <div role="tablist" aria-label={props.name} className="w-tabs">
      {props.tabs.map(([tab, label], index) => (
        <button
          type="button"
          key={tab}
          role="tab"
          id={`w-tab-${tab}`}
          aria-selected={tab === props.chosen}
          aria-controls="w-tabpanel"
          tabIndex={tab === props.chosen ? 0 : -1}
          onClick={() => props.choose(tab)}
          onKeyDown={(event) => move(event, index)}
        >
          {label}
        </button>
      ))}
    </div>
  );
}
