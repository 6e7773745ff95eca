import { sql, type Tx } from '#kernel/db/index.ts'
import type { DisputeReason, Standing } from './model.ts'

export interface DisputeRow extends Standing {
  readonly id: string
  readonly billId: string
  readonly billerId: string
  /** Null when it was asked at the window. */
  readonly payer: string | null
  readonly reason: DisputeReason
  readonly noteSealed: Buffer | null
  readonly askedBy: string
  readonly askedAt: Date
  readonly dueAt: Date
  readonly taskId: string | null
  readonly answer: string | null
  readonly decidedAt: Date | null
}

const COLUMNS = sql`d.id, d.bill_id as "billId", d.biller_id as "billerId", d.payer, d.reason, d.note_sealed as "noteSealed", d.state, d.amount_fen as "amountFen",
  d.asked_by as "askedBy", d.asked_on as "askedOn", d.asked_at as "askedAt", d.due_at as "dueAt", d.task_id as "taskId", d.answer, d.decided_on as "decidedOn",
  d.decided_at as "decidedAt"`

/** False when the bill was asked about before. */
export const insertDispute = async (
  tx: Tx,
  tenantId: number,
  d: Omit<DisputeRow, 'state' | 'answer' | 'decidedOn' | 'decidedAt' | 'taskId'>,
): Promise<boolean> =>
  (await tx.run(sql`
    insert into billing.dispute (tenant_id, id, bill_id, biller_id, payer, reason, note_sealed, state, amount_fen, asked_by, asked_on, asked_at, due_at)
    values (${tenantId}, ${d.id}, ${d.billId}, ${d.billerId}, ${d.payer}, ${d.reason}, ${d.noteSealed}, 'open', ${d.amountFen}, ${d.askedBy}, ${d.askedOn},
      ${d.askedAt}, ${d.dueAt}) on conflict do nothing`)) === 1

export const setTask = (tx: Tx, tenantId: number, id: string, taskId: string) =>
  tx.run(sql`update billing.dispute set task_id = ${taskId} where tenant_id = ${tenantId} and id = ${id}`)

/** What was asked about a bill and not taken back. */
export const findDispute = (tx: Tx, tenantId: number, billId: string) =>
  tx.maybe<DisputeRow>(
    sql`select ${COLUMNS} from billing.dispute d where d.tenant_id = ${tenantId} and d.bill_id = ${billId} and d.state <> 'withdrawn'`,
  )

/** Of several bills, by bill; what was taken back is not among them. */
export async function mapDisputes(tx: Tx, tenantId: number, billIds: readonly string[]): Promise<Map<string, DisputeRow>> {
  const rows = await tx.rows<DisputeRow>(sql`
    select ${COLUMNS} from billing.dispute d where d.tenant_id = ${tenantId} and d.bill_id = any(${[...billIds]}::uuid[]) and d.state <> 'withdrawn'`)
  return new Map(rows.map(row => [row.billId, row]))
}

/** Those that wait for an answer, who waits longest first; of one biller or of all. */
export const listOpenDisputes = (tx: Tx, tenantId: number, billerId: string | null, page: { offset: number; limit: number }) =>
  tx.rows<DisputeRow>(sql`
    select ${COLUMNS} from billing.dispute d
    where d.tenant_id = ${tenantId} and d.state = 'open' and (${billerId}::text is null or d.biller_id = ${billerId})
    order by d.asked_at, d.id limit ${page.limit} offset ${page.offset}`)

export const countOpenDisputes = async (tx: Tx, tenantId: number, billerId: string | null): Promise<number> =>
  (
    await tx.one<{ count: number }>(sql`
      select count(*) as count from billing.dispute
      where tenant_id = ${tenantId} and state = 'open' and (${billerId}::text is null or biller_id = ${billerId})`)
  ).count

/** False when it is open no more. */
export const closeDispute = async (
  tx: Tx,
  tenantId: number,
  id: string,
  how: {
    readonly state: 'upheld' | 'kept' | 'withdrawn'
    readonly answer: string | null
    readonly by: string
    readonly on: string
    readonly at: Date
  },
): Promise<boolean> =>
  (await tx.run(sql`
    update billing.dispute set state = ${how.state}, answer = ${how.answer}, decided_by = ${how.by}, decided_on = ${how.on}, decided_at = ${how.at}
    where tenant_id = ${tenantId} and id = ${id} and state = 'open'`)) === 1
