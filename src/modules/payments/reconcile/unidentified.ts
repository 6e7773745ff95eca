import { type Ctx, makeId } from '#kernel/context.ts'
import { type Sql, sql, type Tx } from '#kernel/db/index.ts'
import { ensureAccount, post, reverse } from '#modules/ledger/index.ts'
import type { BreakReason } from './model.ts'
import type { BreakRow } from './store.ts'

// A channel pays out whatever came in under our merchant number, also what was never asked for here: a code of the shop next door
// registered under the same number, a refund somebody made in the channel's own back office. So it is booked the moment it is stated,
// to suspense, and the clearing account agrees with the payout; the break stays open until what became of the money is known.

type BreakRef = Pick<BreakRow, 'id' | 'class' | 'severity' | 'day'>
type Stated = Pick<BreakRow, 'id' | 'channel' | 'mchid' | 'ourNo' | 'class' | 'statedFen' | 'happenedAt'>

interface Item {
  readonly id: string
  readonly channel: string
  readonly mchid: string
  /** Received positive, refunded negative. */
  readonly amountFen: number
}

const ITEM = sql`u.id, u.channel, u.mchid, u.amount_fen as "amountFen"`
const documentOf = (item: Pick<Item, 'id'>): string => `unidentified:${item.id}`
const accountsOf = (tx: Tx, tenantId: number, { channel, mchid }: Pick<Item, 'channel' | 'mchid'>) =>
  tx.one<{ clearing: number; suspense: number }>(sql`
    select clearing_account_id as clearing, suspense_account_id as suspense from payments.merchant
    where tenant_id = ${tenantId} and channel = ${channel} and mchid = ${mchid}`)

/** Books what a channel states and nothing of ours explains to suspense. It has no open item yet. */
export async function suspend(tx: Tx, ctx: Ctx, b: Stated): Promise<void> {
  const { tenantId, kernel } = ctx
  const id = makeId(ctx)
  const fen = b.class === 'refund_only' ? -b.statedFen! : b.statedFen!
  const { clearing, suspense } = await accountsOf(tx, tenantId, b)
  await tx.run(sql`
    insert into payments.unidentified (tenant_id, id, break_id, channel, mchid, our_no, amount_fen, opened_at)
    values (${tenantId}, ${id}, ${b.id}, ${b.channel}, ${b.mchid}, ${b.ourNo}, ${fen}, ${kernel.clock.now()})`)
  const postings = [
    { accountId: clearing, amount: fen },
    { accountId: suspense, amount: -fen },
  ]
  await post(tx, ctx, { code: 'UNIDENTIFIED', ref: documentOf({ id }), about: b.id, effectiveAt: b.happenedAt, postings })
}

const close = (tx: Tx, ctx: Ctx, ids: readonly string[], how: 'given_back' | 'kept' | 'borne' | 'withdrawn') =>
  tx.run(sql`
    update payments.unidentified set closed_at = ${ctx.kernel.clock.now()}, closed_how = ${how}
    where tenant_id = ${ctx.tenantId} and id = any(${[...ids]}::uuid[]) and closed_at is null`)

const lockOpen = (tx: Tx, tenantId: number, breakIds: readonly string[]) =>
  tx.rows<Item>(sql`
    select ${ITEM} from payments.unidentified u where u.tenant_id = ${tenantId} and u.break_id = any(${[...breakIds]}::uuid[]) and u.closed_at is null
    order by u.id for update`)

/** Takes out of suspense what is no longer stated, or was booked as ours after all. */
export async function withdraw(tx: Tx, ctx: Ctx, breakIds: readonly string[]): Promise<void> {
  if (breakIds.length === 0) return
  const items = await lockOpen(tx, ctx.tenantId, breakIds)
  for (const item of items) await reverse(tx, ctx, documentOf(item))
  await close(
    tx,
    ctx,
    items.map(item => item.id),
    'withdrawn',
  )
}

interface GivenBack {
  readonly item: string
  readonly ourNo: string
  readonly id: string
  readonly taskId: string | null
}

/** Receipts and refunds of one order number, both unknown here, that cancel out: nothing is left in suspense. Answers their breaks. */
export async function closeGivenBack(
  tx: Tx,
  ctx: Ctx,
  { channel, mchid }: { readonly channel: string; readonly mchid: string },
): Promise<readonly Pick<GivenBack, 'id' | 'taskId'>[]> {
  const { tenantId } = ctx
  const list = () =>
    tx.rows<GivenBack>(sql`
      select u.id as item, u.our_no as "ourNo", b.id, b.task_id as "taskId" from payments.unidentified u
      join payments.break b on b.tenant_id = u.tenant_id and b.id = u.break_id
      where u.tenant_id = ${tenantId} and u.closed_at is null and u.channel = ${channel} and u.mchid = ${mchid} and u.our_no in (
        select our_no from payments.unidentified
        where tenant_id = ${tenantId} and closed_at is null and channel = ${channel} and mchid = ${mchid} and our_no <> ''
        group by our_no having count(*) > 1 and sum(amount_fen) = 0)
      order by b.id`)
  const seen = await list()
  if (seen.length === 0) return []
  // The breaks first, as whoever decides about one does; then whether it is still so.
  await tx.run(sql`
    select from payments.break where tenant_id = ${tenantId} and id = any(${seen.map(row => row.id)}::uuid[]) order by id for update`)
  const held = new Set(seen.map(row => row.id))
  const rows = [...Map.groupBy(await list(), row => row.ourNo).values()].filter(group => group.every(row => held.has(row.id))).flat()
  await close(
    tx,
    ctx,
    rows.map(row => row.item),
    'given_back',
  )
  return rows
}

type Day = Pick<BreakRow, 'channel' | 'mchid' | 'day'>
/** Breaks of a day about money that left suspense in one of these ways and that the day's newest file does not state any more. */
const sqlUnstated = (tenantId: number, d: Day, stated: readonly string[], how: readonly string[]): Sql => sql`
  select u.our_no, u.amount_fen, b.class, b.ref, b.happened_at from payments.unidentified u
  join payments.break b on b.tenant_id = u.tenant_id and b.id = u.break_id
  where u.tenant_id = ${tenantId} and u.closed_how = any(${[...how]}::text[]) and b.channel = ${d.channel} and b.mchid = ${d.mchid} and b.day = ${d.day}
    and not (b.class || ' ' || b.ref = any(${[...stated]}::text[]))`

/** Puts back into suspense what had cancelled out, where a corrected file takes a part of it away. Answers the breaks open again. */
export async function reopenGivenBack(tx: Tx, ctx: Ctx, d: Day, stated: readonly string[]): Promise<BreakRef[]> {
  const { tenantId } = ctx
  return tx.rows<BreakRef>(sql`
    with again as (
      update payments.unidentified u set closed_at = null, closed_how = null
      where u.tenant_id = ${tenantId} and u.closed_how = 'given_back' and u.channel = ${d.channel} and u.mchid = ${d.mchid}
        and u.our_no in (select our_no from (${sqlUnstated(tenantId, d, stated, ['given_back'])}) x)
      returning u.break_id)
    update payments.break b set resolution = null, resolved_by = null, resolved_at = null, task_id = null
    where b.tenant_id = ${tenantId} and b.id in (select break_id from again)
    returning b.id, b.class, b.severity, b.day`)
}

/** What was written off and is not stated any more: the books hold it, the channel does not. */
export const listWrittenOffUnstated = (tx: Tx, tenantId: number, d: Day, stated: readonly string[]) =>
  tx.rows<{ ref: string; fen: number; ourNo: string; happenedAt: Date }>(sql`
    select ref, amount_fen as fen, our_no as "ourNo", happened_at as "happenedAt" from (${sqlUnstated(tenantId, d, stated, ['kept', 'borne'])}) x order by ref limit 1000`)

/** How two people may write it off: a receipt as income, a refund as loss. */
export const writeOffOf = (b: Pick<BreakRow, 'class'>): BreakReason => (b.class === 'refund_only' ? 'loss_accepted' : 'kept_as_income')

/** Takes the money of a break out of suspense, as income or as loss. */
export async function writeOff(tx: Tx, ctx: Ctx, breakId: string): Promise<void> {
  for (const item of await lockOpen(tx, ctx.tenantId, [breakId])) {
    const { suspense } = await accountsOf(tx, ctx.tenantId, item)
    const isKept = item.amountFen > 0
    const other = await ensureAccount(tx, ctx, `${isKept ? '6301' : '6711'}:${item.channel}`)
    const postings = [
      { accountId: suspense, amount: item.amountFen },
      { accountId: other, amount: -item.amountFen },
    ]
    await post(tx, ctx, { code: 'WRITE_OFF', ref: `written_off:${item.id}`, about: breakId, postings })
    await close(tx, ctx, [item.id], isKept ? 'kept' : 'borne')
  }
}

/** One row: what of it stands on clearing accounts, what in suspense, and how many open items have no open break. */
export const sqlUnidentified = (tenantId: number): Sql => sql`
  select coalesce(sum(u.amount_fen) filter (where u.closed_how is distinct from 'withdrawn'), 0)::bigint as cleared,
    coalesce(sum(u.amount_fen) filter (where u.closed_at is null), 0)::bigint as open,
    (count(*) filter (where u.closed_at is null and b.resolved_at is not null))::integer as orphans
  from payments.unidentified u join payments.break b on b.tenant_id = u.tenant_id and b.id = u.break_id where u.tenant_id = ${tenantId}`
