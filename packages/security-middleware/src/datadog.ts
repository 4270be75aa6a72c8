export { datadogEngine, type DatadogEngineOptions } from './lib/datadog-engine.ts'
