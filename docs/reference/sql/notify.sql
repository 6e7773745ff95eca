-- Written by tools/sql-snapshot.ts from the code: change the code, then run it with --write.

-- src/modules/notify/store.ts

-- message
id, to_kind as "toKind", to_id as "toId", to_sealed as "toSealed", to_blind as "toBlind", topic, template,
params_sealed as "paramsSealed", lang, channel, state, why, is_urgent as "isUrgent", is_counted as "isCounted", tries,
created_at as "createdAt", due_at as "dueAt", expires_at as "expiresAt", settled_at as "settledAt";

-- insertMessage
insert into notify.message (tenant_id, id, to_kind, to_id, to_sealed, to_blind, topic, template, params_sealed, lang, channel, state, why,
  is_urgent, is_counted, dedupe_key, tries, created_at, due_at, expires_at, settled_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10,
  $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)
on conflict (tenant_id, dedupe_key) do nothing;

-- findIdByKey
select id from notify.message where tenant_id = $1 and dedupe_key = $2;

-- takeDue
update notify.message set due_at = $1
where tenant_id = $2 and id in (
  select id from notify.message
  where tenant_id = $3 and state = 'queued' and due_at <= $4 and ($5::uuid is null or id = $6)
  order by due_at limit $7 for update skip locked)
returning $8;

-- settle
update notify.message set state = $1, why = $2, settled_at = $3 where tenant_id = $4 and id = $5 and state = 'queued';

-- putOff
update notify.message set due_at = $1, tries = $2, why = $3 where tenant_id = $4 and id = $5 and state = 'queued';

-- takeBudget
insert into notify.budget as b (tenant_id, to_blind, day_on, used) values ($1, $2, $3, 1)
on conflict (tenant_id, to_blind, day_on) do update set used = b.used + 1 where b.used < $4;

-- markCounted
update notify.message set is_counted = true where tenant_id = $1 and id = $2;

-- purgeBudgets
delete from notify.budget where tenant_id = $1 and day_on < $2;

-- isOptedOut
select 1 from notify.preference
where tenant_id = $1 and person_id = $2 and channel = $3 and topic in ($4, '*') and opted_out;

-- upsertPreference
insert into notify.preference (tenant_id, person_id, channel, topic, opted_out, changed_at)
values ($1, $2, $3, $4, $5, $6)
on conflict (tenant_id, person_id, channel, topic) do update set opted_out = excluded.opted_out, changed_at = excluded.changed_at;

-- listPreferences
select channel, topic, opted_out as "optedOut" from notify.preference
where tenant_id = $1 and person_id = $2 order by channel, topic limit 50;

-- upsertAddress
insert into notify.address (tenant_id, person_id, channel, address_sealed, changed_at) values ($1, $2, $3, $4, $5)
on conflict (tenant_id, person_id, channel) do update set address_sealed = excluded.address_sealed, changed_at = excluded.changed_at;

-- findAddress
select address_sealed as sealed from notify.address where tenant_id = $1 and person_id = $2 and channel = $3;

-- listMessagesTo
select $1 from notify.message
where tenant_id = $2 and to_kind = $3 and to_id = $4 and topic <> 'sign_in'
order by created_at desc, id desc limit $5;
