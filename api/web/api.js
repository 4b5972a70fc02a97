// The HTTP API of Glimpse, from the page's side.

import { keyHeaders, withKey } from './key.js';
import { Problem, problemOf } from './problem.js';

/**
 * Send a request and return {status, data, headers}.
 *
 * Throws a Problem, or the AbortError of its signal.
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
  const response = await reach(path, options);
  const text = await readText(response, signal);
  if (!response.ok && response.status !== 304) {
    throw problemOf(response.status, (name) => response.headers.get(name), text);
  }
  return { status: response.status, headers: response.headers, data: read(text, response.status) };
}

/** Fetch a picture. Throws a Problem, and asks for no key: there are many pictures. */
export async function fetchBlob(path) {
  const response = await reach(path, { headers: keyHeaders() });
  if (response.ok) return response.blob();
  throw problemOf(response.status, (name) => response.headers.get(name), await readText(response));
}

async function reach(path, options) {
  try {
    return await fetch(path, options);
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

function read(text, status) {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    throw new Problem({ status, code: 'no_json', detail: 'What answered is no Glimpse.' });
  }
}

function asProblem(error, signal) {
  // What was given up on purpose is no problem of the connection.
  return signal?.aborted ? error : new Problem({ detail: 'Nothing answered.' });
}

/**
 * Send a body with its progress, which fetch does not tell, and return {status, data}.
 *
 * Throws as `call` does.
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
        resolve(answerOf(request));
      } catch (problem) {
        reject(problem);
      }
    };
    request.onerror = () => reject(new Problem({ detail: 'The connection broke off.' }));
    request.onabort = () => reject(signal.reason);
    signal?.addEventListener('abort', () => request.abort(), { once: true });
    request.send(body);
  });
}

function answerOf(request) {
  const { status, responseText: text } = request;
  if (status >= 200 && status < 300) return { status, data: read(text, status) };
  throw problemOf(status, (name) => request.getResponseHeader(name), text);
}
