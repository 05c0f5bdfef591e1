// What the panel says when W&B cannot be shown, and what to do about it.

import React, { useState } from "react";
import { useApp, type Problem } from "./app";
import { LinkOut, Notice } from "./parts";
import type { Place } from "./types";

const NO_LOGIN = new Set(["no_key", "bad_key"]);
const NO_WAY = new Set(["unreachable", "timeout", "rate_limited", "server_error"]);
const NO_PLACE = new Set(["unknown_entity", "no_permission", "no_entity"]);

/** Whether somebody has to log in before anything of W&B can be shown. */
export function isLoggedOut(problem: Problem | null): boolean {
  return problem !== null && NO_LOGIN.has(problem.code);
}

/** Shown instead of all pages that need W&B. */
export function WayIn(props: {
  problem: Problem;
  address: string;
  again: () => void;
  /** The entity that this browser remembers, if any, and what forgets it. */
  remembered: string;
  leave: () => void;
}) {
  const { problem, again, remembered } = props;
  const isLost = remembered !== "" && NO_PLACE.has(problem.code);
  return (
    <div className="w-empty">
      {props.address && (
        <Notice actions={<LinkOut url={props.address}>Open in a new tab</LinkOut>}>{props.address}</Notice>
      )}
      {isLoggedOut(problem) ? (
        <LogIn problem={problem} again={again} />
      ) : (
        <>
          <h2>{title(problem.code)}</h2>
          <p role="alert">{withCode(problem.text)}</p>
          <p className="w-soft">{advice(problem.code, isLost ? remembered : "")}</p>
          <div className="w-bar">
            <button type="button" className={isLost ? undefined : "w-main"} onClick={again}>
              Try again
            </button>
            {isLost && (
              <button type="button" className="w-main" onClick={props.leave}>
                Show your own projects
              </button>
            )}
          </div>
        </>
      )}
    </div>
  );
}

/** A sentence whose commands stand between backticks. */
function withCode(text: string): React.ReactNode[] {
  return text.split("`").map((part, index) => (index % 2 ? <code key={index}>{part}</code> : part));
}

function title(code: string): string {
  if (NO_WAY.has(code)) return "W&B does not answer";
  if (NO_PLACE.has(code)) return "There is nothing to see here";
  if (code === "offline" || code === "disabled") return "W&B is turned off";
  return "W&B cannot be shown";
}

function advice(code: string, lost: string): string {
  if (lost) return `The panel last showed “${lost}”, and this account cannot see anything there.`;
  return NO_WAY.has(code)
    ? "The App still works, and so does the list of jobs."
    : "Fix this where the App's server was started, then try again.";
}

function LogIn(props: { problem: Problem; again: () => void }) {
  const { calls } = useApp();
  const wrong = props.problem.code === "bad_key";
  return (
    <>
      <h2>{wrong ? "W&B does not accept the key" : "Log in to see your runs here"}</h2>
      <p role="alert">{withCode(props.problem.text)}</p>
      <p>Do any of these on the machine that runs FiftyOne:</p>
      <ol>
        <li>
          press <b>Log in</b> and paste your key from your W&amp;B user settings
        </li>
        <li>
          run <code>wandb login</code> in a terminal
        </li>
        <li>
          set <code>FIFTYONE_WANDB_API_KEY</code> (for a self-hosted server, also <code>FIFTYONE_WANDB_URL</code>)
          before you start the App
        </li>
      </ol>
      <div className="w-bar">
        <button type="button" className="w-main" onClick={() => calls.prompt("login_to_wandb", {}, props.again)}>
          Log in
        </button>
        <button type="button" onClick={props.again}>
          Try again
        </button>
      </div>
    </>
  );
}

/** There is a login, but no project, or not the one that is asked for. */
export function NoProject(props: { place: Place; project: string; choose: (name: string) => void }) {
  const { calls } = useApp();
  const { place } = props;
  const [name, setName] = useState(props.project);
  const log = () => {
    if (name.trim()) props.choose(name.trim());
    calls.prompt("log_fiftyone_view_to_wandb", { entity: place.entity, project: name.trim() || undefined });
  };
  return (
    <div className="w-empty">
      <h2>{props.project ? `There is no project “${props.project}” yet` : `${place.entity} has no projects yet`}</h2>
      <p>
        You are logged in as <b>{place.username}</b>. A project is created when something is logged to it:
      </p>
      <form
        className="w-bar"
        onSubmit={(event) => {
          event.preventDefault();
          log();
        }}
      >
        <input
          type="text"
          aria-label="Name of the project"
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        <button type="submit" className="w-main">
          Log this view
        </button>
      </form>
      {place.projects.length > 0 && (
        <>
          <p className="w-soft">Or look at an existing one:</p>
          <div className="w-bar">
            {place.projects.slice(0, 8).map((project) => (
              <button type="button" key={project.name} onClick={() => props.choose(project.name)}>
                {project.name}
              </button>
            ))}
          </div>
        </>
      )}
    </div>
  );
}
