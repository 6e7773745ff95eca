import { createHash } from 'node:crypto'
import { type Ctx, permit } from '#kernel/context.ts'
import { sql, type Tx } from '#kernel/db/index.ts'
import { ok, type Result } from '#kernel/result.ts'
import { halfOfWechat, parseWechatHalf, type WechatHalf } from '../adapters/wechat/statement.ts'
import { StatementRefused } from '../ports.ts'
import * as payments from '../store.ts'
import { type Reconciled, reconcileStatement, type StatementFile } from './service.ts'

// A channel may give a day in two tables, payments and refunds apart. Either alone says nothing about the day: what it lacks would
// look like money that is missing. It is kept until the other is in, and then both are compared as one file.

/** Halves are kept whole in one cell. */
const HALF_BYTES_MAX = 64 * 2 ** 20
const NAME_CHARS_MAX = 120

export type Brought =
  | Reconciled
  /** Kept; the day is judged when the other table is in. */
  | { readonly outcome: 'half'; readonly half: WechatHalf }

interface Key {
  readonly mchid: string
  readonly day: string
}

const cellOf = (key: Key, half: WechatHalf): string => `payments|statement_half|bytes_sealed|${key.mchid}|${key.day}|${half}`

const putHalf = (
  tx: Tx,
  tenantId: number,
  key: Key,
  h: { half: WechatHalf; name: string; sha256: Buffer; sealed: Buffer; at: Date; by: string },
) =>
  tx.run(sql`
    insert into payments.statement_half (tenant_id, channel, mchid, day, half, name, sha256, bytes_sealed, received_at, received_by)
    values (${tenantId}, 'wechat', ${key.mchid}, ${key.day}, ${h.half}, ${h.name}, ${h.sha256}, ${h.sealed}, ${h.at}, ${h.by})
    on conflict (tenant_id, channel, mchid, day, half) do update set name = excluded.name, sha256 = excluded.sha256, bytes_sealed = excluded.bytes_sealed,
      received_at = excluded.received_at, received_by = excluded.received_by`)

const findHalf = (tx: Tx, tenantId: number, key: Key, half: WechatHalf) =>
  tx.maybe<{ name: string; sealed: Buffer }>(sql`
    select name, bytes_sealed as sealed from payments.statement_half
    where tenant_id = ${tenantId} and channel = 'wechat' and mchid = ${key.mchid} and day = ${key.day} and half = ${half}`)

/**
 * Brings a statement in by hand. A table of payments or refunds alone is read whole and kept; with the other one it is compared. A
 * half brought again takes the place of the first. Throws StatementRefused.
 */
export async function bringStatement(
  ctx: Ctx,
  input: { readonly channel: string; readonly day: string; readonly file: StatementFile },
): Promise<Result<Brought>> {
  const allowed = permit(ctx, 'payments.reconcile.decide')
  if (!allowed.ok) return allowed
  const { channel, day, file } = input
  const half = channel === 'wechat' ? halfOfWechat(file.pieces()) : undefined
  if (!half) return reconcileStatement(ctx, input)
  const { tenantId, kernel } = ctx
  const merchant = await kernel.db.read(tenantId, tx => payments.findMerchant(tx, tenantId, channel))
  if (!merchant) return reconcileStatement(ctx, input)
  parseWechatHalf(half, file.pieces(), day)
  const bytes = Buffer.concat([...file.pieces()])
  if (bytes.length > HALF_BYTES_MAX) throw new StatementRefused('too_long', 0, `${bytes.length} bytes`)
  const key = { mchid: merchant.mchid, day }
  const sealed = kernel.vault.seal(tenantId, cellOf(key, half), bytes)
  const sha256 = createHash('sha256').update(bytes).digest()
  const kept = { half, name: file.name.slice(0, NAME_CHARS_MAX), sha256, sealed, at: kernel.clock.now(), by: ctx.actor.id }
  const other: WechatHalf = half === 'success' ? 'refund' : 'success'
  const found = await kernel.db.tx(tenantId, async tx => {
    await putHalf(tx, tenantId, key, kept)
    return findHalf(tx, tenantId, key, other)
  })
  if (!found) return ok({ outcome: 'half', half })
  const otherBytes = kernel.vault.openBytes(tenantId, cellOf(key, other), found.sealed)
  // A file may end without a line's end.
  const between = Buffer.from('\r\n')
  const pieces = half === 'success' ? [bytes, between, otherBytes] : [otherBytes, between, bytes]
  const name = half === 'success' ? `${kept.name}+${found.name}` : `${found.name}+${kept.name}`
  return reconcileStatement(ctx, { channel, day, file: { name, pieces: () => pieces } })
}
