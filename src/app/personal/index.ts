import { billingColumns } from './billing.ts'
import type { PersonalColumns } from './kinds.ts'
import { otherColumns } from './others.ts'
import { paymentsColumns } from './payments.ts'

export { CLASSES, type PersonalColumns } from './kinds.ts'
export { notPersonal } from './none.ts'

export const personalColumns: readonly PersonalColumns[] = [...billingColumns, ...paymentsColumns, ...otherColumns]
