-- Written by tools/sql-snapshot.ts from the code: change the code, then run it with --write.

-- src/modules/trail/append.ts

-- SQL_APPEND
insert into trail.pending ($1)
values ($1, $2, $3, $4, $5, $6, $7, $8, $10, array[$2::uuid], array[$9::text], array[$11::text]);

-- sqlInsertPending
insert into trail.pending ($1)
select $1::integer, $2, ($3)::timestamptz, '$4', $5::smallint, ($6)::text,
       ($7)::text, '$8', ($9)::text, $10
from $11;

-- src/modules/trail/sequencer.ts

-- SQL_TENANTS
with recursive t as (
  (select tenant_id from trail.pending order by tenant_id limit 1)
  union all
  select (select p.tenant_id from trail.pending p where p.tenant_id > t.tenant_id order by p.tenant_id limit 1) from t where t.tenant_id is not null
) select tenant_id from t where tenant_id is not null and mod(tenant_id, $1) = $2;

-- SQL_TAKE
with due as (
  select id, sum(cardinality(ids)) over (order by id rows between unbounded preceding and 1 preceding) as before
  from (select id, ids from trail.pending where tenant_id = $1 order by id limit $2) oldest),
taken as (
  delete from trail.pending where tenant_id = $1 and id = any (array(select id from due where before is null or before < $2)) returning *)
select t.tenant_id, e.id, t.at, t.type, t.version, t.actor_kind, t.actor_id, t.subject_kind, e.subject_id, t.request_id, e.body
from taken t cross join lateral unnest(t.ids, t.subject_ids, t.bodies) as e(id, subject_id, body);

-- SQL_SEAL
insert into trail.entry (tenant_id, idx, id, at, type, version, actor_kind, actor_id, subject_kind, subject_id, request_id, canonical, body, leaf)
select $1, $2::bigint + x.n - 1, (e->>'id')::uuid, (e->>'at')::timestamptz, e->>'type', (e->>'version')::smallint, e->'actor'->>'kind', e->'actor'->>'id',
       e->'subject'->>'kind', e->'subject'->>'id', e->>'request', x.canonical, e->'body', substring($4::bytea from (x.n * 32 - 31)::integer for 32)
from (select t.canonical, t.n, t.canonical::jsonb as e from string_to_table($3, E'\n') with ordinality as t(canonical, n) offset 0) x;

-- loadTree
select size, root from trail.checkpoint where tenant_id = $1 order by size desc limit 1;

-- loadTree
select count(*) as beyond from trail.entry where tenant_id = $1 and idx >= $2;

-- readEdge
select leaf from trail.entry where tenant_id = $1 and idx >= $2 and idx < $3 order by idx;

-- readEdge
select hashes from trail.tile where tenant_id = $1 and level = $2 and n = $3 and width = $4;

-- storeTiles
insert into trail.tile (tenant_id, level, n, width, hashes)
select $1, t.level, t.n, octet_length(t.hashes) / 32, t.hashes from unnest($2::smallint[], $3::bigint[], $4::bytea[]) as t(level, n, hashes);

-- src/modules/trail/subscribe.ts

-- lockCursor
insert into trail.cursor (tenant_id, name, idx) values ($1, $2, -1) on conflict do nothing;

-- lockCursor
select idx from trail.cursor where tenant_id = $1 and name = $2 for update;

-- moveCursor
update trail.cursor set idx = $1 where tenant_id = $2 and name = $3;

-- deliver
select coalesce(max(idx), $1) as head from (
  select idx from trail.entry where tenant_id = $2 and idx > $3 order by idx limit $4) as next;

-- deliver
select {raw(entryColumns)} from trail.entry
where tenant_id = $1 and idx > $2 and idx <= $3 {types === '*' ? empty : sql`and type = any (${[...types]})`} order by idx;

-- stepAround
insert into trail.cursor_failure as f (tenant_id, name, idx, error, attempts, failed_at) values ($1, $2, $3, $4, 1, $5)
on conflict (tenant_id, name, idx) do update set error = excluded.error, attempts = f.attempts + 1, failed_at = excluded.failed_at
returning attempts;

-- stepAround
update trail.cursor_failure set skipped_at = $1 where tenant_id = $2 and name = $3 and idx = $4;

-- unfolded
select type, version, subject_kind, subject_id, body from trail.entry
where tenant_id = $1 and idx > coalesce((select idx from trail.cursor where tenant_id = $2 and name = $3), -1)
union all
select type, version, subject_kind, subject_id, body from trail.pending_event where tenant_id = $4;

-- recorded
select id, subject_id, body from trail.entry where tenant_id = $1 and type = any($2::text[])
union all
select id, subject_id, body from trail.pending_event where tenant_id = $3 and type = any($4::text[]);

-- listCursors
select c.name, c.idx, coalesce((select max(e.idx) from trail.entry e where e.tenant_id = $1), -1) - c.idx as behind,
       (select count(*) from trail.cursor_failure f where f.tenant_id = $2 and f.name = c.name and f.skipped_at is not null) as skipped
from trail.cursor c where c.tenant_id = $3 order by c.name limit 500;
