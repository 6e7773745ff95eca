import type { Ctx } from '#kernel/context.ts'
import { sql, type Tx } from '#kernel/db/index.ts'
import { append, commitment, privateCell } from './append.ts'
import { personalErased } from './events.ts'

/**
 * Plain personal values of an entry by field; empty after erasure. The caller has permission for it and records the
 * reading. Throws Error when a value does not meet its commitment: somebody changed it.
 */
export async function readPersonal(tx: Tx, ctx: Ctx, entryId: string): Promise<Record<string, unknown>> {
  const rows = await tx.rows<{ field: string; salt: Buffer; value: Buffer; body: Record<string, unknown> }>(sql`
    select p.field, p.salt, p.value, coalesce(e.body, q.body) as body from trail.private p
    left join trail.entry e on e.tenant_id = p.tenant_id and e.id = p.entry_id
    left join trail.pending_event q on q.tenant_id = p.tenant_id and q.id = p.entry_id
    where p.tenant_id = ${ctx.tenantId} and p.entry_id = ${entryId}`)
  const values: Record<string, unknown> = {}
  for (const { field, salt, value, body } of rows) {
    const plain: unknown = JSON.parse(ctx.kernel.vault.open(ctx.tenantId, privateCell(entryId, field), value))
    if (commitment(salt, plain) !== body[field]) throw new Error(`entry ${entryId}: ${field} does not meet its commitment`)
    values[field] = plain
  }
  return values
}

/** Deletes the personal values of everything recorded about one thing and records how many; the tree stays valid. Returns the count. */
export async function erasePersonal(tx: Tx, ctx: Ctx, subjectKind: string, subjectId: string): Promise<number> {
  const count = await tx.run(sql`
    delete from trail.private where tenant_id = ${ctx.tenantId} and entry_id in (
      select id from trail.entry where tenant_id = ${ctx.tenantId} and subject_kind = ${subjectKind} and subject_id = ${subjectId}
      union all
      select id from trail.pending_event where tenant_id = ${ctx.tenantId} and subject_kind = ${subjectKind} and subject_id = ${subjectId})`)
  await append(tx, ctx, personalErased, { subjectId, body: { subjectKind, count } })
  return count
}
