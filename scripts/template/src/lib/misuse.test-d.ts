// Lines that must not compile; tsc checks them.
import { create__Name__ } from './__name__.ts'

// @ts-expect-error an unknown option
create__Name__({ limits: 1 })
// @ts-expect-error a limit is a number
create__Name__({ limit: '1' })
