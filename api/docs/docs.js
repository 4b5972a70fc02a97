// Shows this service's OpenAPI document in Swagger UI. It contacts no other host: the document is
// local, and the online validator is disabled.
SwaggerUIBundle({
  // This file is /docs/VERSION/docs.js below the path at which the API is published.
  url: new URL('../../openapi.json', document.currentScript.src).pathname,
  dom_id: '#docs',
  deepLinking: true,
  docExpansion: 'list',
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
  layout: 'BaseLayout',
});
