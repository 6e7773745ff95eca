import { type Ctx, makeId } from '#kernel/context.ts'
import { type Sql, sql, type Tx } from '#kernel/db/index.ts'
import { addMs } from '#kernel/time.ts'
import { askAgainAfterMs } from '../model.ts'
import { tellOpened } from './breaks.ts'
import type { BreakClass, Severity } from './model.ts'
import * as store from './store.ts'

// Differences another module finds with a party of its own. They stand among those with the channels, so that whoever decides
// has one list, and a grave one stops the day like the others.

/** What a party's name begins with where a channel's stands otherwise. */
export const OUTSIDE = 'biller:'
export const partyOf = (billerId: string): string => `${OUTSIDE}${billerId}`
export const billerOf = (channel: string): string | undefined => (channel.startsWith(OUTSIDE) ? channel.slice(OUTSIDE.length) : undefined)

export interface OutsideBreak {
  readonly class: Extract<BreakClass, `biller_${string}`>
  readonly severity: Severity
  /** The number both sides know it by; one break of a class for each. */
  readonly ref: string
  readonly ourNo: string
  /** The order, where known. */
  readonly about: string | null
  readonly line: number | null
  readonly statedFen: number | null
  readonly bookedFen: number | null
  readonly happenedAt: Date
  /** Somebody is asked at once, whatever the severity. */
  readonly needsPerson: boolean
}

/** Keeps what a file of a party differs in; known differences stay as they are, decisions included. Answers those new or open again. */
export async function keepOutsideBreaks(
  tx: Tx,
  ctx: Ctx,
  source: { readonly party: string; readonly day: string; readonly fileId: string },
  found: readonly OutsideBreak[],
): Promise<number> {
  const { party: channel, day, fileId: statementId } = source
  const openedAt = ctx.kernel.clock.now()
  const rows = found.map(b => ({ ...b, id: makeId(ctx), channel, mchid: '', day, statementId, openedAt, resolution: null }))
  const fresh = await store.upsertBreaks(tx, ctx.tenantId, rows)
  const asked = new Set(found.filter(b => b.needsPerson).map(b => b.class))
  for (const b of fresh) await tellOpened(tx, ctx, { ...b, day, channel }, asked.has(b.class as OutsideBreak['class']))
  return fresh.length
}

/** Open differences with a party, oldest first; locked until the end of the transaction. */
export const lockOutsideBreaks = (tx: Tx, tenantId: number, party: string) => store.lockOpenOf(tx, tenantId, party)

export { resolveBySystem as resolveOutsideBreak } from './breaks.ts'

/** Puts the file of a day off, as a channel's is. True when it failed for another reason than the last time. */
export const putOffFile = (
  tx: Tx,
  ctx: Ctx,
  wait: { readonly party: string; readonly day: string; readonly code: string; readonly why: string },
) =>
  store.waitForStatement(tx, ctx.tenantId, { channel: wait.party, day: wait.day, code: wait.code, why: wait.why.slice(0, 200) }, tries =>
    addMs(ctx.kernel.clock.now(), askAgainAfterMs(tries + 5)),
  )

export const endPutOff = (tx: Tx, tenantId: number, party: string, day: string) => store.endWait(tx, tenantId, { channel: party, day })

/** Days whose file was asked for in vain and whose next turn has not come. */
export async function listPutOff(tx: Tx, tenantId: number, party: string, now: Date): Promise<Set<string>> {
  const rows = await tx.rows<{ day: string }>(
    sql`select day from payments.statement_wait where tenant_id = ${tenantId} and channel = ${party} and due_at > ${now}`,
  )
  return new Set(rows.map(row => row.day))
}

/** Every difference with parties, open or decided: party, class, ref. */
export const sqlOutsideBreaks = (tenantId: number): Sql =>
  sql`select b.channel as party, b.class, b.ref from payments.break b where b.tenant_id = ${tenantId} and b.channel like ${`${OUTSIDE}%`}`
