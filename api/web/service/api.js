// The client of Glimpse's HTTP API.

import { noteScopes } from './access.js';
import { keyHeaders, withKey } from './key.js';
import { Problem, problemOf, signedOutProblem } from './problem.js';

/**
 * Send a request and return {status, data, headers}.
 *
 * Throws a Problem if the request fails, or an AbortError if `signal` aborts it.
 */
export function call(method, path, content = {}) {
  return withKey(() => callOnce(method, path, content));
}

async function callOnce(method, path, { json, body, headers = {}, signal }) {
  const options = { method, signal, cache: 'no-store' };
  options.headers = { Accept: 'application/json', ...headers, ...keyHeaders() };
  if (json !== undefined) {
    options.body = JSON.stringify(json);
    options.headers['Content-Type'] = 'application/json';
  } else if (body) {
    options.body = body;
  }
  const response = await fetchResponse(path, options);
  noteScopes(response.headers);
  const text = await readText(response, signal);
  if (!response.ok && response.status !== 304) {
    throw problemOf(response.status, (name) => response.headers.get(name), text);
  }
  return { status: response.status, headers: response.headers, data: parseJson(text, response.status) };
}

/** Fetch a picture. Throws a Problem. Never opens the sign-in dialog: a page loads many pictures at once. */
export async function fetchBlob(path) {
  const response = await fetchResponse(path, { headers: keyHeaders() });
  if (response.ok) return response.blob();
  throw problemOf(response.status, (name) => response.headers.get(name), await readText(response));
}

async function fetchResponse(path, options) {
  const response = await fetchOnce(path, options);
  if (response.type === 'opaqueredirect') throw signedOutProblem(302);
  return response;
}

async function fetchOnce(path, options) {
  try {
    return await fetch(path, { ...options, redirect: 'manual' });
  } catch (error) {
    throw asProblem(error, options.signal);
  }
}

async function readText(response, signal) {
  try {
    return await response.text();
  } catch (error) {
    throw asProblem(error, signal);
  }
}

function parseJson(text, status) {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    throw new Problem({ status, code: 'no_json', detail: 'The response is not valid JSON. Is this a Glimpse server?' });
  }
}

function asProblem(error, signal) {
  // A request that was aborted deliberately is not a connection problem.
  return signal?.aborted ? error : new Problem({ detail: 'The service did not respond.' });
}

/**
 * Send a body, report its upload progress (which fetch cannot do), and return {status, data}.
 *
 * Throws the same errors as `call`.
 */
export function send(path, body, options) {
  return withKey(() => sendOnce(path, body, options));
}

function sendOnce(path, body, { headers = {}, onProgress, signal }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', path);
    for (const [name, value] of Object.entries({ ...headers, ...keyHeaders() })) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) onProgress(event.loaded / event.total);
    };
    request.onload = () => {
      try {
        resolve(responseOf(request, path));
      } catch (problem) {
        reject(problem);
      }
    };
    request.onerror = () => lossOf(path, signal).then(reject);
    request.onabort = () => reject(signal.reason);
    signal?.addEventListener('abort', () => request.abort(), { once: true });
    request.send(body);
  });
}

/** Return why a request has no response: a browser does not tell a lost connection from a forbidden redirect. */
async function lossOf(path, signal) {
  try {
    await fetchResponse(path, { signal, cache: 'no-store', headers: keyHeaders() });
    return new Problem({ detail: 'The connection was lost.' });
  } catch (problem) {
    return problem;
  }
}

function responseOf(request, path) {
  const { status, responseText: text } = request;
  if (new URL(path, location).href !== request.responseURL) throw signedOutProblem(302);
  if (status >= 200 && status < 300) return { status, data: parseJson(text, status) };
  throw problemOf(status, (name) => request.getResponseHeader(name), text);
}
