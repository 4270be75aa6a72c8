export { type ClusterMetrics, clusterMetrics, type ClusterMetricsOptions } from './lib/cluster-primary.ts'
export { reportToPrimary, type ReportToPrimaryOptions } from './lib/cluster-worker.ts'
