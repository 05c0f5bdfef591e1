// Values as people read them.

const UNITS: [number, string][] = [
  [31536000, "year"],
  [2592000, "month"],
  [86400, "day"],
  [3600, "hour"],
  [60, "minute"],
];

/** How long ago a moment was, such as "3 days ago"; empty if it is not a time. */
export function age(iso: string, now: number = Date.now()): string {
  const then = moment(iso);
  return Number.isNaN(then) ? "" : ago((now - then) / 1000);
}

/** A time span in seconds as "3 days ago". */
export function ago(seconds: number): string {
  for (const [unit, name] of UNITS) {
    const count = Math.floor(seconds / unit);
    if (count >= 1) return `${count} ${name}${count > 1 ? "s" : ""} ago`;
  }
  return "just now";
}

/** A moment in the reader's own time; W&B leaves out that its times are UTC. */
export function exact(iso: string): string {
  const then = moment(iso);
  return Number.isNaN(then) ? "" : new Date(then).toLocaleString();
}

function moment(iso: string): number {
  return Date.parse(/Z$|[+-]\d\d:?\d\d$/.test(iso) ? iso : `${iso}Z`);
}

/** A number of bytes, such as "1.4 MB". */
export function bytes(size: number): string {
  let value = size;
  for (const unit of ["B", "kB", "MB", "GB"]) {
    if (value < 1000) return `${unit === "B" || value >= 100 ? Math.round(value) : value.toFixed(1)} ${unit}`;
    value /= 1000;
  }
  return `${value.toFixed(1)} TB`;
}

/** A number with its thousands apart. */
export function count(value: number): string {
  return value.toLocaleString("en-US");
}

/** The longest address that becomes a link, in characters. */
const LONGEST_ADDRESS = 4000;

/**
 * The address of a web page, or "" for what must not become a link: scripts, data and other programs' addresses, and
 * those with a login before the host, which reads like the host. Characters that are not plain are encoded.
 */
export function webAddress(text: string): string {
  if (text.length > LONGEST_ADDRESS || !/^https?:\/\//i.test(text)) return "";
  try {
    const url = new URL(text);
    if (url.username || url.password) return "";
    return /^[!-~]+$/.test(text) ? text : url.href;
  } catch {
    return "";
  }
}

/** "1 sample", "2 samples". */
export function plural(value: number, name: string): string {
  return `${count(value)} ${name}${value === 1 ? "" : "s"}`;
}

/** A value of a config or a summary. */
export function text(value: unknown): string {
  if (typeof value === "number") return number(value);
  if (value === null || value === undefined) return "–";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** A number in the four digits that fit. */
export function number(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e9) return count(value);
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(2);
  return String(Number(value.toPrecision(4)));
}

/** A time span in seconds, such as "2 min 5 s". */
export function span(seconds: number): string {
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
}
