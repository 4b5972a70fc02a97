// Waiting: where the service is busy or away, the page says so and goes on by itself.

import { Problem } from './problem.js';

/** Resolve after some seconds; reject as soon as the signal gives up. */
export function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, seconds * 1000);
    signal?.addEventListener('abort', stop, { once: true });
  });
}

/**
 * Run a task until it succeeds, or fails for good.
 *
 * Between two tries `onWait(problem, secondsLeft, goOn)` is called every second; calling
 * `goOn` ends the wait. `onGo` is called before every try that follows a wait.
 */
export async function patiently(task, { signal, onWait = () => {}, onGo = () => {} } = {}) {
  for (let tries = 0; ; tries += 1) {
    try {
      return await task();
    } catch (problem) {
      if (!(problem instanceof Problem) || !problem.passes) throw problem;
      await countDown(problem, problem.pauseS(tries), signal, onWait);
      onGo();
    }
  }
}

async function countDown(problem, seconds, signal, onWait) {
  const early = new AbortController();
  const goOn = () => early.abort();
  // The browser knows when the network is back.
  if (problem.offline) window.addEventListener('online', goOn, { once: true });
  const either = signal ? AbortSignal.any([signal, early.signal]) : early.signal;
  try {
    for (let left = seconds; left > 0; left -= 1) {
      onWait(problem, left, goOn);
      await pause(1, either);
    }
  } catch (reason) {
    if (!early.signal.aborted) throw reason;
  } finally {
    window.removeEventListener('online', goOn);
  }
}
