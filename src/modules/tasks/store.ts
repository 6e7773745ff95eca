import { sql, type Tx } from '#kernel/db/index.ts'
import type { ClockKind, Pause, Rung } from './model.ts'

export interface TaskRow {
  readonly id: string
  readonly kind: string
  readonly subjectKind: string
  readonly subjectId: string
  readonly title: string
  readonly assigneeId: string | null
  readonly areaCode: string | null
  readonly clock: ClockKind
  readonly minutes: number
  readonly ladder: readonly Rung[]
  readonly startedAt: Date
  readonly deadlineAt: Date
  readonly pausedAt: Date | null
  readonly nextRung: number
  readonly nextAt: Date | null
  readonly doneAt: Date | null
}

const task = sql`id, kind, subject_kind as "subjectKind", subject_id as "subjectId", title, assignee_id as "assigneeId", area_code as "areaCode",
  clock, minutes, ladder, started_at as "startedAt", deadline_at as "deadlineAt", paused_at as "pausedAt", next_rung as "nextRung",
  next_at as "nextAt", done_at as "doneAt"`

/** False when a task of this kind is open for the subject. */
export const insertTask = async (tx: Tx, tenantId: number, t: TaskRow): Promise<boolean> =>
  (await tx.run(sql`
    insert into tasks.task (tenant_id, id, kind, subject_kind, subject_id, title, assignee_id, area_code, clock, minutes, ladder, started_at, deadline_at, next_rung, next_at)
    values (${tenantId}, ${t.id}, ${t.kind}, ${t.subjectKind}, ${t.subjectId}, ${t.title}, ${t.assigneeId}, ${t.areaCode}, ${t.clock}, ${t.minutes},
      ${JSON.stringify(t.ladder)}::jsonb, ${t.startedAt}, ${t.deadlineAt}, ${t.nextRung}, ${t.nextAt})
    on conflict (tenant_id, kind, subject_kind, subject_id) where done_at is null do nothing`)) === 1

export const findOpenTask = (
  tx: Tx,
  tenantId: number,
  kind: string,
  subjectKind: string,
  subjectId: string,
): Promise<TaskRow | undefined> =>
  tx.maybe(sql`
    select ${task} from tasks.task
    where tenant_id = ${tenantId} and kind = ${kind} and subject_kind = ${subjectKind} and subject_id = ${subjectId} and done_at is null`)

/** Locks the row: a change and a warning of one task follow each other. */
export const takeTask = (tx: Tx, tenantId: number, id: string): Promise<TaskRow | undefined> =>
  tx.maybe(sql`select ${task} from tasks.task where tenant_id = ${tenantId} and id = ${id} for no key update`)

export const listDue = (tx: Tx, tenantId: number, now: Date, max: number): Promise<{ id: string }[]> =>
  tx.rows(sql`
    select id from tasks.task where tenant_id = ${tenantId} and done_at is null and next_at <= ${now} order by next_at limit ${max}`)

export interface ListFilter {
  readonly assigneeId?: string
  readonly area?: string
}

export const listOpen = (tx: Tx, tenantId: number, filter: ListFilter, max: number): Promise<TaskRow[]> =>
  tx.rows(sql`
    select ${task} from tasks.task
    where tenant_id = ${tenantId} and done_at is null
      and (${filter.assigneeId ?? null}::uuid is null or assignee_id = ${filter.assigneeId ?? null})
      and (${filter.area ?? null}::text is null or area_code is null or starts_with(area_code, ${filter.area ?? ''}))
    order by deadline_at, id limit ${max}`)

export const listOpenOfKind = (tx: Tx, tenantId: number, kind: string, max: number): Promise<TaskRow[]> =>
  tx.rows(
    sql`select ${task} from tasks.task where tenant_id = ${tenantId} and kind = ${kind} and done_at is null order by started_at, id limit ${max}`,
  )

/** What follows from the pauses: deadline, next warning, whether the clock stands. */
export const setClock = (
  tx: Tx,
  tenantId: number,
  t: Pick<TaskRow, 'id' | 'deadlineAt' | 'pausedAt' | 'nextRung' | 'nextAt'>,
): Promise<number> =>
  tx.run(sql`
    update tasks.task set deadline_at = ${t.deadlineAt}, paused_at = ${t.pausedAt}, next_rung = ${t.nextRung}, next_at = ${t.nextAt}
    where tenant_id = ${tenantId} and id = ${t.id}`)

export const setAssignee = (tx: Tx, tenantId: number, id: string, assigneeId: string | null): Promise<number> =>
  tx.run(sql`update tasks.task set assignee_id = ${assigneeId} where tenant_id = ${tenantId} and id = ${id}`)

export const finish = (tx: Tx, tenantId: number, id: string, outcome: 'done' | 'cancelled', now: Date): Promise<number> =>
  tx.run(
    sql`update tasks.task set done_at = ${now}, outcome = ${outcome}, next_at = null where tenant_id = ${tenantId} and id = ${id} and done_at is null`,
  )

export const listAssignees = (tx: Tx, tenantId: number, ids: readonly string[]): Promise<{ id: string; assigneeId: string }[]> =>
  tx.rows(sql`
    select id, assignee_id as "assigneeId" from tasks.task
    where tenant_id = ${tenantId} and id = any(${[...ids]}::uuid[]) and assignee_id is not null`)

/** A pause that begins in the very moment the last one ended goes on with it. */
export const openPause = (tx: Tx, tenantId: number, taskId: string, from: Date, reason: string): Promise<number> =>
  tx.run(sql`
    insert into tasks.task_pause (tenant_id, task_id, from_at, reason) values (${tenantId}, ${taskId}, ${from}, ${reason})
    on conflict (tenant_id, task_id, from_at) do update set to_at = null, reason = excluded.reason`)

/** A clock set back in between makes an empty pause, never a negative one. */
export const closePause = (tx: Tx, tenantId: number, taskId: string, to: Date): Promise<number> =>
  tx.run(sql`
    update tasks.task_pause set to_at = greatest(from_at, ${to}::timestamptz)
    where tenant_id = ${tenantId} and task_id = ${taskId} and to_at is null`)

export const listPauses = async (tx: Tx, tenantId: number, taskId: string): Promise<Pause[]> => {
  const rows = await tx.rows<{ from: Date; to: Date | null }>(sql`
    select from_at as "from", to_at as "to" from tasks.task_pause where tenant_id = ${tenantId} and task_id = ${taskId} order by from_at limit 1000`)
  return rows.map(({ from, to }) => (to ? { from, to } : { from }))
}

/** False when this rung was fired before. */
export const insertRung = async (
  tx: Tx,
  tenantId: number,
  taskId: string,
  rung: number,
  level: number,
  toId: string | null,
  now: Date,
): Promise<boolean> =>
  (await tx.run(sql`
    insert into tasks.task_rung (tenant_id, task_id, rung, level, to_id, fired_at) values (${tenantId}, ${taskId}, ${rung}, ${level}, ${toId}, ${now})
    on conflict do nothing`)) === 1

export const findSuperior = async (tx: Tx, tenantId: number, staffId: string): Promise<string | undefined> =>
  (
    await tx.maybe<{ id: string }>(
      sql`select superior_id as id from tasks.superior where tenant_id = ${tenantId} and staff_id = ${staffId}`,
    )
  )?.id

export const upsertSuperior = (tx: Tx, tenantId: number, staffId: string, superiorId: string): Promise<number> =>
  tx.run(sql`
    insert into tasks.superior (tenant_id, staff_id, superior_id) values (${tenantId}, ${staffId}, ${superiorId})
    on conflict (tenant_id, staff_id) do update set superior_id = excluded.superior_id`)
