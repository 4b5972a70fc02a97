// Why a request had no answer that can be used, as the page tells it.

// Statuses after which the same request may succeed later.
const PASSING = new Set([429, 502, 503, 504, 507]);
// Seconds until the next try where the service does not say.
const PAUSE_S = 5;
// Longest such pause, in seconds; it doubles from try to try.
const PAUSE_S_MAX = 60;

/** A request that failed: refused for good, or worth another try. */
export class Problem extends Error {
  constructor({ status = 0, code = 'offline', detail = '', retryAfterS = null, requestId = '' }) {
    super(detail || code);
    this.status = status;
    this.code = code;
    this.detail = detail;
    this.requestId = requestId;
    this.retryAfterS = retryAfterS;
  }

  /** Whether nothing answered at all. */
  get offline() {
    return this.status === 0;
  }

  /** Whether the same request may succeed later. */
  get passes() {
    return this.offline || PASSING.has(this.status);
  }

  /** Seconds until the next try, longer from try to try where the service did not say. */
  pauseS(tries) {
    return Math.max(1, this.retryAfterS ?? Math.min(PAUSE_S * 2 ** tries, PAUSE_S_MAX));
  }

  /** What happened, in a few words. */
  get title() {
    if (this.offline) return 'No connection to the service';
    if (this.code === 'overloaded' || this.status === 429) return 'The service is busy';
    if (this.status === 507) return 'The service has no room left';
    if (this.passes) return 'A part of the service is away';
    if (this.status === 401) return 'The service wants a key';
    if (this.code === 'forbidden') return 'The key does not allow that';
    if (this.status === 404) return 'That is not there any more';
    return 'That did not work';
  }
}

/** Read an error answer: a problem document, or whatever a proxy put in its place. */
export function problemOf(status, header, text) {
  let body = {};
  try {
    body = JSON.parse(text);
  } catch {
    // A proxy before the service answers with a page of its own.
  }
  return new Problem({
    status,
    code: String(body.code ?? `http_${status}`),
    detail: String(body.detail ?? ''),
    retryAfterS: secondsOf(header('Retry-After')),
    requestId: header('X-Request-ID') ?? '',
  });
}

/** Return the seconds that a Retry-After names, or null. */
export function secondsOf(header) {
  const seconds = Number.parseInt(header ?? '', 10);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds : null;
}
