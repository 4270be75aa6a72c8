export { create__Name__, type __Name__, type __Name__Options } from './lib/__name__.ts'
export { __Name__Error, type __Name__ErrorCode } from './lib/errors.ts'
