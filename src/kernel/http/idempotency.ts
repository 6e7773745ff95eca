import { createHash } from 'node:crypto'
import type { Ctx, Kernel } from '../context.ts'
import { sql, type Tx } from '../db/index.ts'
import { defineErrors, fail, ok, type Result } from '../result.ts'
import { addMs } from '../time.ts'

export const idempotencyErrors = defineErrors('idempotency', { key_missing: 400, key_malformed: 400, key_used_for_other_request: 422 })

/** Canonical form of an input: object keys sorted at every level, so equal values have equal fingerprints. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, held: unknown) =>
    held !== null && typeof held === 'object' && !Array.isArray(held)
      ? Object.fromEntries(Object.entries(held as Record<string, unknown>).sort(([a], [b]) => (a < b ? -1 : 1)))
      : held,
  )
}

const KEY = /^[A-Za-z0-9_-]{16,64}$/

/**
 * Does `work` once per (tenant, scope, key), in the caller's transaction. A repeat with the same input gets the first
 * answer; with another input it is refused. Two at once wait for each other on the unique key.
 */
export async function once<T>(
  tx: Tx,
  ctx: Ctx,
  call: { scope: string; key: string | undefined; input: unknown },
  work: () => Promise<T>,
): Promise<Result<T>> {
  if (!call.key) return fail(idempotencyErrors.key_missing)
  if (!KEY.test(call.key)) return fail(idempotencyErrors.key_malformed)
  const fingerprint = createHash('sha256').update(canonical(call.input)).digest()
  const inserted = await tx.run(sql`
    insert into kernel.idempotency (tenant_id, scope, key, fingerprint, created_at)
    values (${ctx.tenantId}, ${call.scope}, ${call.key}, ${fingerprint}, ${ctx.kernel.clock.now()})
    on conflict do nothing`)
  if (inserted === 0) {
    const stored = await tx.one<{ fingerprint: Buffer; answer: T }>(sql`
      select fingerprint, answer from kernel.idempotency
      where tenant_id = ${ctx.tenantId} and scope = ${call.scope} and key = ${call.key}`)
    return stored.fingerprint.equals(fingerprint) ? ok(stored.answer) : fail(idempotencyErrors.key_used_for_other_request)
  }
  const answer = await work()
  await tx.run(sql`
    update kernel.idempotency set answer = ${JSON.stringify(answer)}::jsonb
    where tenant_id = ${ctx.tenantId} and scope = ${call.scope} and key = ${call.key}`)
  return ok(answer)
}

const KEPT_MS = 90 * 86_400_000
const PURGED_MAX = 5_000

/** Forgets answers older than 90 days, a bounded number at a time. Answers how many. */
export async function purgeIdempotency(kernel: Kernel, tenantId: number): Promise<number> {
  const before = addMs(kernel.clock.now(), -KEPT_MS)
  let total = 0
  for (;;) {
    const purged = await kernel.db.tx(tenantId, tx =>
      tx.run(sql`
        delete from kernel.idempotency i using (
          select scope, key from kernel.idempotency where tenant_id = ${tenantId} and created_at < ${before} limit ${PURGED_MAX}) old
        where i.tenant_id = ${tenantId} and i.scope = old.scope and i.key = old.key`),
    )
    total += purged
    if (purged < PURGED_MAX) return total
  }
}
