// The path at which the API is published: usually empty.

// This file is /assets/VERSION/service/root.js below it. Links in responses begin with it already.
export const ROOT = new URL('../../..', import.meta.url).pathname.slice(0, -1);
