import { benchTable, interleave } from '@shop/testkit/bench'

import { create__Name__ } from '../src/index.ts'

const __camel__ = create__Name__({ limit: 1e6 })
let left = 1e6
const { ours, bare } = await interleave({ ours: () => __camel__.take(), bare: () => left-- > 0 })
benchTable([{ name: 'take vs a bare counter', ours: ours.us, peer: bare.us, goal: '<= 3', unit: 'us' }])
