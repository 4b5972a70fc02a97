// Failed requests, and how the page describes them.

// Statuses after which a retry may succeed.
const RETRYABLE = new Set([429, 502, 503, 504, 507]);
// The code of an answer by a proxy that wants its own sign-in first.
const SIGNED_OUT = 'signed_out';
// Seconds before the first retry if the service sends no Retry-After; doubles with each retry.
const PAUSE_S = 5;
// Maximum of that pause, in seconds.
const PAUSE_S_MAX = 60;

/** A failed request. */
export class Problem extends Error {
  constructor({ status = 0, code = 'offline', detail = '', retryAfterS = null, requestId = '' }) {
    super(detail || code);
    this.status = status;
    this.code = code;
    this.detail = detail;
    this.requestId = requestId;
    this.retryAfterS = retryAfterS;
  }

  /** Whether the service could not be reached. */
  get offline() {
    return this.status === 0;
  }

  /** Whether the page has to be loaded again, so that the browser shows the sign-in of a proxy. */
  get signedOut() {
    return this.code === SIGNED_OUT;
  }

  /** Whether a retry of the same request may succeed. */
  get retryable() {
    return this.offline || RETRYABLE.has(this.status);
  }

  /** Whether the service refuses the request, and will each time. */
  get refused() {
    return this.status >= 400 && this.status < 500 && !this.retryable;
  }

  /** Seconds to wait before the next retry: the Retry-After, or an exponential backoff. */
  pauseS(retries) {
    return Math.max(1, this.retryAfterS ?? Math.min(PAUSE_S * 2 ** retries, PAUSE_S_MAX));
  }

  /** A short description. */
  get title() {
    if (this.offline) return 'No connection to the service';
    if (this.code === 'overloaded' || this.status === 429) return 'The service is busy';
    if (this.status === 507) return 'The service is out of disk space';
    if (this.retryable) return 'Part of the service is unavailable';
    if (this.signedOut) return 'You may be signed out';
    if (this.status === 401) return 'An API key is required';
    if (this.code === 'forbidden') return 'The API key lacks permission';
    if (this.status === 404) return 'This no longer exists';
    if (this.refused) return 'The service cannot do this';
    return 'Something went wrong';
  }
}

/** Parse an error response: a problem document, or an error page of a proxy. */
export function problemOf(status, header, text) {
  let body = {};
  try {
    body = JSON.parse(text) ?? {};
  } catch {
    // A reverse proxy answers with a page of its own.
  }
  if (!body.code && status === 401) return signedOutProblem(status);
  return new Problem({
    status,
    code: String(body.code ?? `http_${status}`),
    detail: String(body.detail ?? proxyDetail(status)),
    retryAfterS: secondsOf(header('Retry-After')),
    requestId: header('X-Request-ID') ?? '',
  });
}

/** Return the problem of a request that a proxy redirects, which the service does with no request of the page, or refuses without a sign-in. */
export function signedOutProblem(status) {
  const detail = 'A proxy in front of the service redirects or refuses requests, as if a sign-in had ended. Load the page again.';
  return new Problem({ status, code: SIGNED_OUT, detail });
}

/** Return what to say of an error response that is not the service's. */
function proxyDetail(status) {
  if (status === 413) return 'A proxy in front of the service accepts nothing of this size. Raise its limit, or add a smaller file.';
  return `A proxy in front of the service answered with HTTP ${status}. Its log may say why.`;
}

/** Return the seconds in a Retry-After header, or null. */
export function secondsOf(header) {
  const seconds = Number.parseInt(header ?? '', 10);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds : null;
}
