-- Written by tools/sql-snapshot.ts from the code: change the code, then run it with --write.

-- src/modules/tasks/store.ts

-- task
id, kind, subject_kind as "subjectKind", subject_id as "subjectId", title, assignee_id as "assigneeId", area_code as "areaCode",
clock, minutes, ladder, started_at as "startedAt", deadline_at as "deadlineAt", paused_at as "pausedAt", next_rung as "nextRung",
next_at as "nextAt", done_at as "doneAt";

-- insertTask
insert into tasks.task (tenant_id, id, kind, subject_kind, subject_id, title, assignee_id, area_code, clock, minutes, ladder, started_at, deadline_at, next_rung, next_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10,
  $11::jsonb, $12, $13, $14, $15)
on conflict (tenant_id, kind, subject_kind, subject_id) where done_at is null do nothing;

-- findOpenTask
select $1 from tasks.task
where tenant_id = $2 and kind = $3 and subject_kind = $4 and subject_id = $5 and done_at is null;

-- takeTask
select $1 from tasks.task where tenant_id = $2 and id = $3 for no key update;

-- listDue
select id from tasks.task where tenant_id = $1 and done_at is null and next_at <= $2 order by next_at limit $3;

-- listOpen
select $1 from tasks.task
where tenant_id = $2 and done_at is null
  and ($3::uuid is null or assignee_id = $4)
  and ($5::text is null or area_code is null or starts_with(area_code, $6))
order by deadline_at, id limit $7;

-- listOpenOfKind
select $1 from tasks.task where tenant_id = $2 and kind = $3 and done_at is null order by started_at, id limit $4;

-- setClock
update tasks.task set deadline_at = $1, paused_at = $2, next_rung = $3, next_at = $4
where tenant_id = $5 and id = $6;

-- setAssignee
update tasks.task set assignee_id = $1 where tenant_id = $2 and id = $3;

-- finish
update tasks.task set done_at = $1, outcome = $2, next_at = null where tenant_id = $3 and id = $4 and done_at is null;

-- listAssignees
select id, assignee_id as "assigneeId" from tasks.task
where tenant_id = $1 and id = any($2::uuid[]) and assignee_id is not null;

-- openPause
insert into tasks.task_pause (tenant_id, task_id, from_at, reason) values ($1, $2, $3, $4)
on conflict (tenant_id, task_id, from_at) do update set to_at = null, reason = excluded.reason;

-- closePause
update tasks.task_pause set to_at = greatest(from_at, $1::timestamptz)
where tenant_id = $2 and task_id = $3 and to_at is null;

-- listPauses
select from_at as "from", to_at as "to" from tasks.task_pause where tenant_id = $1 and task_id = $2 order by from_at limit 1000;

-- insertRung
insert into tasks.task_rung (tenant_id, task_id, rung, level, to_id, fired_at) values ($1, $2, $3, $4, $5, $6)
on conflict do nothing;

-- findSuperior
select superior_id as id from tasks.superior where tenant_id = $1 and staff_id = $2;

-- upsertSuperior
insert into tasks.superior (tenant_id, staff_id, superior_id) values ($1, $2, $3)
on conflict (tenant_id, staff_id) do update set superior_id = excluded.superior_id;
