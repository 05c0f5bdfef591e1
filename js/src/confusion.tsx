// The confusion matrix of an evaluation. Of many classes it shows those that are confused most; the pairs list the rest.

import React, { useMemo, useRef, useState } from "react";
import { named, short, type Matrix, type Show } from "./evaluations";
import { count } from "./format";
import { Field } from "./parts";

/** How many classes a matrix has at first, and at most. */
const SIZES = [10, 20, 40, 100] as const;
const FEW = 15;

/** Pairs that are listed at first, and at most. */
const PAIRS = 8;
const MOST_PAIRS = 200;

const STEPS: Record<string, [number, number]> = {
  ArrowDown: [1, 0],
  ArrowUp: [-1, 0],
  ArrowRight: [0, 1],
  ArrowLeft: [0, -1],
};

const RIGHT = "#4c9be8";
const WRONG = "var(--w-accent)";

export function Confusion(props: { matrix: Matrix; missing: string; show: Show; disabled: boolean; unit: string }) {
  const { matrix, missing } = props;
  const many = matrix.labels.length > FEW;
  const [size, setSize] = useState<number>(SIZES[0]);
  const places = useMemo(
    () => choose(matrix, missing, many ? size : matrix.labels.length),
    [matrix, missing, many, size],
  );
  return (
    <>
      {many && (
        <div className="w-bar w-picks">
          <Field label={`Classes (of ${count(matrix.labels.length)})`}>
            <select value={size} onChange={(event) => setSize(Number(event.target.value))}>
              {SIZES.filter((_, index) => index === 0 || (SIZES[index - 1] ?? 0) < matrix.labels.length).map((one) => (
                <option key={one} value={one}>
                  {one < matrix.labels.length ? `the ${one} that are confused most` : "all"}
                </option>
              ))}
            </select>
          </Field>
        </div>
      )}
      <Grid {...props} places={places} />
      <Pairs {...props} />
      {matrix.left > 0 && (
        <p className="w-soft w-small">
          {count(matrix.left)} more cells, the smallest, are in the artifact&apos;s table “confusion”.
        </p>
      )}
    </>
  );
}

/** The classes to show, in the matrix's own order; what stands for no label is the last one. */
function choose(matrix: Matrix, missing: string, size: number): number[] {
  const none = matrix.labels.indexOf(missing);
  const found = matrix.mostConfused.filter((place) => place !== none).slice(0, none < 0 ? size : size - 1);
  found.sort((a, b) => a - b);
  return none < 0 ? found : [...found, none];
}

function said(matrix: Matrix, missing: string, truth: number, predicted: number): string {
  const [a, b] = [named(matrix.labels[truth] ?? ""), named(matrix.labels[predicted] ?? "")];
  if (truth === predicted) return `${a}, predicted as such`;
  if (a === missing) return `${b} predicted, where there is none`;
  if (b === missing) return `${a}, missed`;
  return `${a}, predicted as ${b}`;
}

function Grid(props: {
  matrix: Matrix;
  missing: string;
  places: number[];
  show: Show;
  disabled: boolean;
  unit: string;
}) {
  const { matrix, missing, places, show } = props;
  const table = useRef<HTMLTableElement>(null);
  const counts = useMemo(() => new Map(matrix.cells.map(([t, p, n]) => [t * matrix.labels.length + p, n])), [matrix]);
  const at = (t: number, p: number) => counts.get(t * matrix.labels.length + p) ?? 0;
  const largest = Math.max(1, ...places.flatMap((t) => places.map((p) => at(t, p))));
  const [current, setCurrent] = useState<string>("");
  const first = places.flatMap((t) => places.filter((p) => at(t, p) > 0).map((p) => `${t} ${p}`));
  const stop = first.includes(current) ? current : first[0];

  const move = (event: React.KeyboardEvent, row: number, column: number) => {
    const [down, right] = STEPS[event.key] ?? [0, 0];
    if (!down && !right) return;
    event.preventDefault();
    // Empty cells are not buttons: go on to the next one that is.
    for (let r = row + down, c = column + right; r in places && c in places; r += down, c += right) {
      const button = table.current?.querySelector<HTMLButtonElement>(`[data-cell="${r} ${c}"]`);
      if (button) {
        button.focus();
        return;
      }
    }
  };

  return (
    <div className="w-matrix-box">
      <table
        className="w-matrix"
        ref={table}
        aria-label="Confusion matrix: rows are the truth, columns what was predicted"
      >
        <thead>
          <tr>
            <th scope="row" className="w-small w-corner">
              predicted →
              <br />
              truth ↓
            </th>
            {places.map((p) => (
              <th scope="col" key={p} title={named(matrix.labels[p] ?? "")}>
                <span>{named(matrix.labels[p] ?? "")}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {places.map((t, row) => (
            <tr key={t}>
              <th scope="row" title={named(matrix.labels[t] ?? "")}>
                {named(matrix.labels[t] ?? "")}
              </th>
              {places.map((p, column) => {
                const value = at(t, p);
                if (value === 0) return <td key={p} />;
                const label = `${said(matrix, missing, t, p)}: ${count(value)}${props.unit}. Show them`;
                return (
                  <td key={p}>
                    <button
                      type="button"
                      data-cell={`${row} ${column}`}
                      disabled={props.disabled}
                      tabIndex={stop === `${t} ${p}` ? 0 : -1}
                      title={label}
                      aria-label={label}
                      style={heat(t === p, value / largest, largest)}
                      onFocus={() => setCurrent(`${t} ${p}`)}
                      onKeyDown={(event) => move(event, row, column)}
                      onClick={() => show("cell", { truth: matrix.labels[t], predicted: matrix.labels[p] })}
                    >
                      {short(value)}
                    </button>
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The logarithm of the count as a colour, so that few errors are seen beside many hits. */
function heat(right: boolean, part: number, largest: number): React.CSSProperties {
  const strength = Math.log1p(part * largest) / Math.log1p(largest);
  const colour = `color-mix(in srgb, ${right ? RIGHT : WRONG} ${Math.round(12 + 58 * strength)}%, transparent)`;
  return { "--w-heat": colour } as React.CSSProperties;
}

/** What is confused with what, the most frequent first: all of it can be searched. */
function Pairs(props: { matrix: Matrix; missing: string; show: Show; disabled: boolean; unit: string }) {
  const { matrix, missing } = props;
  const [search, setSearch] = useState("");
  const [all, setAll] = useState(false);
  const pairs = useMemo(() => matrix.cells.filter(([t, p]) => t !== p), [matrix]);
  const wanted = search.trim().toLowerCase();
  const found = wanted
    ? pairs.filter(([t, p]) => [t, p].some((place) => matrix.labels[place]?.toLowerCase().includes(wanted)))
    : pairs;
  const shown = found.slice(0, all ? MOST_PAIRS : PAIRS);
  const most = Math.max(1, pairs[0]?.[2] ?? 0);
  if (pairs.length === 0) return <p className="w-soft w-small">No class was confused with another.</p>;
  return (
    <div className="w-pairs">
      <div className="w-bar w-picks">
        <h4>Confused most often</h4>
        {pairs.length > PAIRS && (
          <input
            type="search"
            className="w-grow"
            aria-label="Search the confused classes"
            placeholder="Search a class"
            value={search}
            onChange={(event) => setSearch(event.target.value)}
          />
        )}
      </div>
      <ul className="w-bars" style={{ "--w-names": "62%" } as React.CSSProperties}>
        {shown.map(([t, p, n]) => {
          const text = said(matrix, missing, t, p);
          const label = `${text}: ${count(n)}${props.unit}. Show them`;
          return (
            <li key={`${t} ${p}`}>
              <button
                type="button"
                disabled={props.disabled}
                title={label}
                aria-label={label}
                onClick={() => props.show("cell", { truth: matrix.labels[t], predicted: matrix.labels[p] })}
              >
                <span className="w-name">{text}</span>
                <span>
                  <span className="w-fill" style={{ width: `${(100 * n) / most}%` }} />
                </span>
                <span className="w-count w-num w-small">{count(n)}</span>
              </button>
            </li>
          );
        })}
      </ul>
      {found.length > PAIRS && (
        <button type="button" className="w-link w-small" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? "Show fewer" : `Show ${count(Math.min(MOST_PAIRS, found.length))} of ${count(found.length)}`}
        </button>
      )}
      {found.length === 0 && <p className="w-soft w-small">No pair has a class with “{search.trim()}” in its name.</p>}
    </div>
  );
}
