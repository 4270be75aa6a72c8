export { benchTable, type Goal, type Row } from './lib/table.ts'
export { interleave, type InterleaveOptions, type Cost } from './lib/interleave.ts'
export { barPlot, linePlot, type Series } from './lib/plot.ts'
export { progress, type Progress } from './lib/progress.ts'
