import type { Actor, Kernel } from '#kernel/context.ts'
import type { StaffMember } from '#modules/identity/index.ts'
import * as store from '../store.ts'

/** Sees nothing: of a biller that is not, or no longer, known here. */
const NO_ACCOUNT = 0

/** A signed-in member of staff as the caller of use cases; one who works for a biller is confined to what is that biller's. */
export async function staffActor(kernel: Kernel, tenantId: number, member: StaffMember): Promise<Actor> {
  const { id, permissions, area, role, billerId = '' } = member
  const actor: Actor = { kind: 'staff', id, permissions, ...(area && { area }) }
  if (role !== 'biller') return actor
  const biller = await kernel.db.read(tenantId, tx => store.findBiller(tx, tenantId, billerId))
  return { ...actor, biller: { id: billerId, accountId: biller?.payableAccountId ?? NO_ACCOUNT } }
}
