import { createHash } from 'node:crypto'
import { type Ctx, permit } from '#kernel/context.ts'
import { sql } from '#kernel/db/index.ts'
import { ok, type Result } from '#kernel/result.ts'
import { append } from '#modules/trail/index.ts'
import { configKept } from '../events.ts'

export interface ConfigVersion {
  readonly no: number
  readonly sha256: string
  readonly takenAt: Date
  readonly takenBy: string
}

/** Keeps the whole configuration under the next number; undefined when it is that of the newest already. */
export async function keepConfigVersion(ctx: Ctx, document: string): Promise<Result<ConfigVersion | undefined>> {
  const allowed = permit(ctx, 'billing.biller.register')
  if (!allowed.ok) return allowed
  const { tenantId, kernel } = ctx
  const sha256 = createHash('sha256').update(document).digest()
  return kernel.db.tx(tenantId, async tx => {
    await tx.run(sql`select pg_advisory_xact_lock(hashtextextended(${`billing.config:${tenantId}`}, 0))`)
    const newest = await tx.maybe<{ no: number; sha256: Buffer }>(
      sql`select no, sha256 from billing.config_version where tenant_id = ${tenantId} order by no desc limit 1`,
    )
    if (newest?.sha256.equals(sha256)) return ok(undefined)
    const kept = { no: (newest?.no ?? 0) + 1, sha256: sha256.toString('hex'), takenAt: kernel.clock.now(), takenBy: ctx.actor.id }
    await tx.run(sql`
      insert into billing.config_version (tenant_id, no, sha256, document, taken_at, taken_by)
      values (${tenantId}, ${kept.no}, ${sha256}, ${document}, ${kept.takenAt}, ${kept.takenBy})`)
    await append(tx, ctx, configKept, { subjectId: String(kept.no), body: { sha256: kept.sha256 } })
    return ok(kept)
  })
}

/** Versions kept, the newest first. */
export async function listConfigVersions(ctx: Ctx): Promise<Result<ConfigVersion[]>> {
  const allowed = permit(ctx, 'billing.biller.register')
  if (!allowed.ok) return allowed
  return ctx.kernel.db.read(ctx.tenantId, async tx =>
    ok(
      await tx.rows<ConfigVersion>(sql`
        select no, encode(sha256, 'hex') as sha256, taken_at as "takenAt", taken_by as "takenBy"
        from billing.config_version where tenant_id = ${ctx.tenantId} order by no desc limit 500`),
    ),
  )
}

export async function findConfigVersion(ctx: Ctx, no: number): Promise<Result<string | undefined>> {
  const allowed = permit(ctx, 'billing.biller.register')
  if (!allowed.ok) return allowed
  const found = await ctx.kernel.db.read(ctx.tenantId, tx =>
    tx.maybe<{ document: string }>(sql`select document from billing.config_version where tenant_id = ${ctx.tenantId} and no = ${no}`),
  )
  return ok(found?.document)
}
