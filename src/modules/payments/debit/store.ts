import { type Sql, sql, type Tx } from '#kernel/db/index.ts'
import { BATCH, MANDATE, ROW } from './model.ts'

export interface MandateRow {
  readonly id: string
  readonly bank: string
  readonly mandateNo: string
  readonly payer: string
  readonly cardSealed: Buffer
  readonly cardMask: string
  readonly state: number
  readonly failure: string | null
  readonly tries: number
  readonly openedAt: Date
}

const MANDATE_COLUMNS = sql`m.id, m.bank, m.mandate_no as "mandateNo", m.payer, m.card_sealed as "cardSealed", m.card_mask as "cardMask", m.state, m.failure,
  m.tries, m.opened_at as "openedAt"`

export const insertMandate = (tx: Tx, tenantId: number, m: Omit<MandateRow, 'failure' | 'tries'>) =>
  tx.run(sql`
    insert into payments.debit_mandate (tenant_id, id, bank, mandate_no, payer, card_sealed, card_mask, state, tries, due_at, opened_at)
    values (${tenantId}, ${m.id}, ${m.bank}, ${m.mandateNo}, ${m.payer}, ${m.cardSealed}, ${m.cardMask}, ${m.state}, 0, ${m.openedAt}, ${m.openedAt})`)

export const findMandate = (tx: Tx, tenantId: number, id: string) =>
  tx.maybe<MandateRow>(sql`select ${MANDATE_COLUMNS} from payments.debit_mandate m where m.tenant_id = ${tenantId} and m.id = ${id}`)

export const lockMandate = (tx: Tx, tenantId: number, id: string) =>
  tx.maybe<MandateRow>(
    sql`select ${MANDATE_COLUMNS} from payments.debit_mandate m where m.tenant_id = ${tenantId} and m.id = ${id} for update`,
  )

export const listMandates = (tx: Tx, tenantId: number, ids: readonly string[]) =>
  tx.rows<MandateRow>(
    sql`select ${MANDATE_COLUMNS} from payments.debit_mandate m where m.tenant_id = ${tenantId} and m.id = any(${[...ids]}::uuid[])`,
  )

export const moveMandate = async (
  tx: Tx,
  tenantId: number,
  id: string,
  from: readonly number[],
  to: number,
  extra: { failure?: string; at: Date },
): Promise<boolean> =>
  (await tx.run(sql`
    update payments.debit_mandate set state = ${to}, failure = coalesce(${extra.failure ?? null}, failure), due_at = ${extra.at}, tries = 0,
      registered_at = case when ${to} = ${MANDATE.active} then ${extra.at} else registered_at end,
      ended_at = case when ${to} in (${MANDATE.refused}, ${MANDATE.ending}) then ${extra.at} else ended_at end
    where tenant_id = ${tenantId} and id = ${id} and state = any(${[...from]}::smallint[])`)) === 1

/** Mandates the bank is to be told or asked of; put off, so that two workers never take the same. */
export const takeDueMandates = (tx: Tx, tenantId: number, now: Date, until: Date, limit: number) =>
  tx.rows<MandateRow>(sql`
    update payments.debit_mandate m set tries = m.tries + 1, due_at = ${until}
    from (
      select id from payments.debit_mandate
      where tenant_id = ${tenantId} and state in (${MANDATE.registering}, ${MANDATE.ending}) and due_at <= ${now} order by due_at limit ${limit} for update skip locked) d
    where m.tenant_id = ${tenantId} and m.id = d.id
    returning ${MANDATE_COLUMNS}`)

export const putOffMandate = (tx: Tx, tenantId: number, id: string, dueAt: Date) =>
  tx.run(sql`update payments.debit_mandate set due_at = ${dueAt} where tenant_id = ${tenantId} and id = ${id}`)

// ---- batches

export interface BatchRow {
  readonly id: string
  readonly bank: string
  readonly batchNo: string
  readonly day: string
  readonly state: number
  readonly rows: number
  readonly totalFen: number
  readonly sha256: Buffer | null
  readonly tries: number
  readonly openedAt: Date
  readonly sealedAt: Date | null
  readonly returnedAt: Date | null
}

const BATCH_COLUMNS = sql`b.id, b.bank, b.batch_no as "batchNo", b.day, b.state, b.rows, b.total_fen as "totalFen", b.sha256, b.tries, b.opened_at as "openedAt",
  b.sealed_at as "sealedAt", b.returned_at as "returnedAt"`

/** One batch of a bank is opened at a time. */
export const lockBank = (tx: Tx, tenantId: number, bank: string) =>
  tx.run(sql`select pg_advisory_xact_lock(hashtextextended(${`payments.debit:${tenantId}:${bank}`}, 0))`)

/** The draft of a day that has room. */
export const lockDraft = (tx: Tx, tenantId: number, bank: string, day: string, rows_max: number) =>
  tx.maybe<BatchRow>(sql`
    select ${BATCH_COLUMNS} from payments.debit_batch b
    where b.tenant_id = ${tenantId} and b.bank = ${bank} and b.day = ${day} and b.state = ${BATCH.draft} and b.rows < ${rows_max}
    order by b.batch_no limit 1 for update`)

export const countBatches = async (tx: Tx, tenantId: number, bank: string, day: string): Promise<number> =>
  (
    await tx.one<{ count: number }>(
      sql`select count(*) as count from payments.debit_batch where tenant_id = ${tenantId} and bank = ${bank} and day = ${day}`,
    )
  ).count

export const insertBatch = (tx: Tx, tenantId: number, b: Pick<BatchRow, 'id' | 'bank' | 'batchNo' | 'day' | 'openedAt'>) =>
  tx.run(sql`
    insert into payments.debit_batch (tenant_id, id, bank, batch_no, day, state, rows, total_fen, tries, due_at, opened_at)
    values (${tenantId}, ${b.id}, ${b.bank}, ${b.batchNo}, ${b.day}, ${BATCH.draft}, 0, 0, 0, ${b.openedAt}, ${b.openedAt})`)

export const addToDraft = (tx: Tx, tenantId: number, id: string, rows: number, fen: number) =>
  tx.run(sql`
    update payments.debit_batch set rows = rows + ${rows}, total_fen = total_fen + ${fen} where tenant_id = ${tenantId} and id = ${id} and state = ${BATCH.draft}`)

export const lockBatch = (tx: Tx, tenantId: number, id: string) =>
  tx.one<BatchRow>(sql`select ${BATCH_COLUMNS} from payments.debit_batch b where b.tenant_id = ${tenantId} and b.id = ${id} for update`)

export const findBatch = (tx: Tx, tenantId: number, id: string) =>
  tx.maybe<BatchRow>(sql`select ${BATCH_COLUMNS} from payments.debit_batch b where b.tenant_id = ${tenantId} and b.id = ${id}`)

export const findBatchByNo = (tx: Tx, tenantId: number, bank: string, batchNo: string) =>
  tx.maybe<BatchRow>(
    sql`select ${BATCH_COLUMNS} from payments.debit_batch b where b.tenant_id = ${tenantId} and b.bank = ${bank} and b.batch_no = ${batchNo}`,
  )

/** The newest batches first. */
export const listBatches = (tx: Tx, tenantId: number, limit: number) =>
  tx.rows<BatchRow>(
    sql`select ${BATCH_COLUMNS} from payments.debit_batch b where b.tenant_id = ${tenantId} order by b.day desc, b.batch_no desc limit ${limit}`,
  )

export interface Sum {
  readonly count: number
  readonly fen: number
}

/** What became of the debits of some batches. */
export const sumRows = (tx: Tx, tenantId: number, batchIds: readonly string[]) =>
  tx.rows<Sum & { readonly batchId: string; readonly state: number }>(sql`
    select batch_id as "batchId", state, count(*) as count, sum(amount_fen)::bigint as fen from payments.debit_row
    where tenant_id = ${tenantId} and batch_id = any(${[...batchIds]}::uuid[]) group by 1, 2`)

/** Open batches, oldest first. */
export const listOpenBatches = (tx: Tx, tenantId: number, limit: number) =>
  tx.rows<BatchRow>(sql`
    select ${BATCH_COLUMNS} from payments.debit_batch b where b.tenant_id = ${tenantId} and b.state < ${BATCH.closed} order by b.batch_no limit ${limit}`)

const STAMPS: Readonly<Record<number, Sql>> = {
  [BATCH.sealed]: sql`sealed_at`,
  [BATCH.sent]: sql`sent_at`,
  [BATCH.acked]: sql`acked_at`,
  [BATCH.returned]: sql`returned_at`,
  [BATCH.closed]: sql`closed_at`,
}

/** Moves a batch from one of `from` and notes when; false when it had moved on. */
export const moveBatch = async (tx: Tx, tenantId: number, id: string, from: readonly number[], to: number, at: Date): Promise<boolean> =>
  (await tx.run(sql`
    update payments.debit_batch set state = ${to}, ${STAMPS[to]!} = coalesce(${STAMPS[to]!}, ${at}), tries = 0, due_at = ${at}
    where tenant_id = ${tenantId} and id = ${id} and state = any(${[...from]}::smallint[])`)) === 1

export const sealBatch = (tx: Tx, tenantId: number, id: string, b: { rows: number; totalFen: number; sha256: Buffer }) =>
  tx.run(sql`
    update payments.debit_batch set rows = ${b.rows}, total_fen = ${b.totalFen}, sha256 = ${b.sha256} where tenant_id = ${tenantId} and id = ${id}`)

/** True when it is this batch's turn to be asked about; it is put off at once. */
export const takeTurn = async (tx: Tx, tenantId: number, id: string, now: Date, until: Date): Promise<boolean> =>
  (await tx.run(
    sql`update payments.debit_batch set tries = tries + 1, due_at = ${until} where tenant_id = ${tenantId} and id = ${id} and due_at <= ${now}`,
  )) === 1

// ---- rows

export interface DebitRow {
  readonly attemptId: string
  readonly batchId: string
  readonly orderId: string
  readonly mandateId: string
  readonly seq: number | null
  readonly orderNo: string
  readonly amountFen: number
  readonly purpose: string
  readonly state: number
  readonly failure: string | null
  readonly bankNo: string | null
  readonly returnNo: string | null
  readonly settledAt: Date | null
}

const ROW_COLUMNS = sql`r.attempt_id as "attemptId", r.batch_id as "batchId", r.order_id as "orderId", r.mandate_id as "mandateId", r.seq, r.order_no as "orderNo",
  r.amount_fen as "amountFen", r.purpose, r.state, r.failure, r.bank_no as "bankNo", r.return_no as "returnNo", r.settled_at as "settledAt"`

export const insertRow = (
  tx: Tx,
  tenantId: number,
  r: Pick<DebitRow, 'attemptId' | 'batchId' | 'orderId' | 'mandateId' | 'orderNo' | 'amountFen' | 'purpose'>,
) =>
  tx.run(sql`
    insert into payments.debit_row (tenant_id, attempt_id, batch_id, order_id, mandate_id, order_no, amount_fen, purpose, state)
    values (${tenantId}, ${r.attemptId}, ${r.batchId}, ${r.orderId}, ${r.mandateId}, ${r.orderNo}, ${r.amountFen}, ${r.purpose}, ${ROW.waiting})`)

/** Rows of a batch in the order of their attempts, in which everybody locks their orders. */
export const listRows = (tx: Tx, tenantId: number, batchId: string) =>
  tx.rows<DebitRow>(
    sql`select ${ROW_COLUMNS} from payments.debit_row r where r.tenant_id = ${tenantId} and r.batch_id = ${batchId} order by r.attempt_id`,
  )

export const listRowsByNo = (tx: Tx, tenantId: number, orderNos: readonly string[]) =>
  tx.rows<DebitRow>(
    sql`select ${ROW_COLUMNS} from payments.debit_row r where r.tenant_id = ${tenantId} and r.order_no = any(${[...orderNos]}::text[])`,
  )

export const listRowsOfOrders = (tx: Tx, tenantId: number, orderIds: readonly string[]) =>
  tx.rows<DebitRow & { readonly batchNo: string; readonly batchDay: string; readonly batchState: number }>(sql`
    select ${ROW_COLUMNS}, b.batch_no as "batchNo", b.day as "batchDay", b.state as "batchState"
    from payments.debit_row r join payments.debit_batch b on b.tenant_id = r.tenant_id and b.id = r.batch_id
    where r.tenant_id = ${tenantId} and r.order_id = any(${[...orderIds]}::uuid[]) order by r.attempt_id`)

export const lockRow = (tx: Tx, tenantId: number, attemptId: string) =>
  tx.one<DebitRow>(
    sql`select ${ROW_COLUMNS} from payments.debit_row r where r.tenant_id = ${tenantId} and r.attempt_id = ${attemptId} for update`,
  )

/** Rows of a mandate the bank may be, or is yet to be, asked to debit. */
export const listPendingRows = (tx: Tx, tenantId: number, mandateId: string) =>
  tx.rows<DebitRow>(sql`
    select ${ROW_COLUMNS} from payments.debit_row r
    where r.tenant_id = ${tenantId} and r.mandate_id = ${mandateId} and r.state in (${ROW.waiting}, ${ROW.unknown}) order by r.attempt_id`)

export const numberRows = (tx: Tx, tenantId: number, attemptIds: readonly string[]) =>
  tx.run(sql`
    update payments.debit_row r set seq = n.seq, state = ${ROW.unknown}
    from unnest(${[...attemptIds]}::uuid[]) with ordinality as n (attempt_id, seq)
    where r.tenant_id = ${tenantId} and r.attempt_id = n.attempt_id and r.state = ${ROW.waiting}`)

export const moveRow = async (
  tx: Tx,
  tenantId: number,
  attemptId: string,
  from: readonly number[],
  to: number,
  extra: { failure?: string; bankNo?: string; returnNo?: string; at: Date },
): Promise<boolean> =>
  (await tx.run(sql`
    update payments.debit_row set state = ${to}, failure = coalesce(${extra.failure ?? null}, failure), bank_no = coalesce(${extra.bankNo ?? null}, bank_no),
      return_no = coalesce(${extra.returnNo ?? null}, return_no), settled_at = ${extra.at}
    where tenant_id = ${tenantId} and attempt_id = ${attemptId} and state = any(${[...from]}::smallint[])`)) === 1

export const countUnknown = async (tx: Tx, tenantId: number, batchId: string): Promise<number> =>
  (
    await tx.one<{ count: number }>(sql`
      select count(*) as count from payments.debit_row where tenant_id = ${tenantId} and batch_id = ${batchId} and state in (${ROW.waiting}, ${ROW.unknown})`)
  ).count

// ---- files

export interface FileRow {
  readonly id: string
  readonly bank: string
  readonly kind: string
  readonly name: string
  readonly sha256: Buffer
  readonly batchId: string | null
  readonly rows: number
  readonly totalFen: number
  readonly refused: string | null
  readonly exchangedAt: Date
}

const FILE_COLUMNS = sql`f.id, f.bank, f.kind, f.name, f.sha256, f.batch_id as "batchId", f.rows, f.total_fen as "totalFen", f.refused,
  f.exchanged_at as "exchangedAt"`

/** False when these bytes are known. */
export const insertFile = async (tx: Tx, tenantId: number, f: FileRow & { readonly bytesSealed: Buffer }): Promise<boolean> =>
  (await tx.run(sql`
    insert into payments.debit_file (tenant_id, id, bank, kind, name, sha256, batch_id, rows, total_fen, refused, bytes_sealed, exchanged_at)
    values (${tenantId}, ${f.id}, ${f.bank}, ${f.kind}, ${f.name}, ${f.sha256}, ${f.batchId}, ${f.rows}, ${f.totalFen}, ${f.refused}, ${f.bytesSealed}, ${f.exchangedAt})
    on conflict do nothing`)) === 1

/** Which of these digests are of files taken or refused before. */
export const knownDigests = async (tx: Tx, tenantId: number, bank: string, digests: readonly Buffer[]): Promise<Set<string>> => {
  const rows = await tx.rows<{ sha256: Buffer }>(sql`
    select sha256 from payments.debit_file where tenant_id = ${tenantId} and bank = ${bank} and sha256 = any(${[...digests]}::bytea[])`)
  return new Set(rows.map(row => row.sha256.toString('hex')))
}

export const findOutFile = (tx: Tx, tenantId: number, batchId: string) =>
  tx.one<FileRow & { bytesSealed: Buffer }>(sql`
    select ${FILE_COLUMNS}, f.bytes_sealed as "bytesSealed" from payments.debit_file f
    where f.tenant_id = ${tenantId} and f.batch_id = ${batchId} and f.kind = 'O'`)

export const listFiles = (tx: Tx, tenantId: number, batchId: string) =>
  tx.rows<FileRow>(sql`
    select ${FILE_COLUMNS} from payments.debit_file f where f.tenant_id = ${tenantId} and f.batch_id = ${batchId} order by f.exchanged_at, f.id`)

/** Files that belong to no one batch: debits taken back, and what could not be read. */
export const listLooseFiles = (tx: Tx, tenantId: number, limit: number) =>
  tx.rows<FileRow>(sql`
    select ${FILE_COLUMNS} from payments.debit_file f where f.tenant_id = ${tenantId} and f.batch_id is null order by f.exchanged_at desc, f.id limit ${limit}`)
