export { chaos, type Chaos, type ChaosOptions } from './lib/chaos.ts'
