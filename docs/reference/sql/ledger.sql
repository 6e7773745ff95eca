-- Written by tools/sql-snapshot.ts from the code: change the code, then run it with --write.

-- src/modules/ledger/store.ts

-- findAccount
select id, code, unit from ledger.account where tenant_id = $1 and code = $2;

-- insertAccount
select pg_advisory_xact_lock(7420002, $1);

-- insertAccount
insert into ledger.account (tenant_id, id, code, unit, opened_at)
select $1::integer, coalesce(max(id), 0) + 1, $2::text, $3::text, $4::timestamptz from ledger.account where tenant_id = $5
on conflict (tenant_id, code) do nothing;

-- insertAccount
select id, code, unit from ledger.account where tenant_id = $1 and code = $2;

-- insertJournal
insert into ledger.journal (tenant_id, about, ref, code, reverses, unit, effective_at, accounts, amounts)
values ($1, $2, $3, $4, $5, $6, $7,
  $8::integer[], $9::bigint[])
on conflict do nothing;

-- findJournal
select code, about, unit, accounts, amounts from ledger.journal where tenant_id = $1 and ref = $2 and reverses = '';

-- addToBalances
($1::integer, $2::integer, $3::bigint, $4::bigint);

-- addToBalances
insert into ledger.balance as b (tenant_id, account_id, amount, entries) values {join(rows)}
on conflict (tenant_id, account_id) do update set amount = b.amount + excluded.amount, entries = b.entries + excluded.entries;

-- exactBalances
with tail as (
  select p.account::integer as account_id, sum(p.amount::bigint)::bigint as amount
  from ($1) u
  cross join lateral rows from (jsonb_array_elements_text(u.body -> 'accounts'), jsonb_array_elements_text(u.body -> 'amounts')) as p(account, amount)
  where u.body ? 'accounts'
  group by 1)
select a.id as "accountId", a.code, (coalesce(b.amount, 0) + coalesce(t.amount, 0))::bigint as amount
from ledger.account a
left join ledger.balance b on b.tenant_id = a.tenant_id and b.account_id = a.id
left join tail t on t.account_id = a.id
where a.tenant_id = $2 and ($3::integer[] is null or a.id = any($4::integer[]))
order by a.code;

-- fullSums
select account_id as "accountId", sum(amount)::bigint as amount from ledger.entry where tenant_id = $1 group by account_id;

-- unbalancedJournals
select ref, code from ledger.entry where tenant_id = $1
group by ref, code, reverses having count(*) < 2 or sum(amount) <> 0 or min(abs(amount)) = 0;

-- orphanEntries
select e.ref, e.account_id as account from ledger.entry e
where e.tenant_id = $1 and not exists (select 1 from ledger.account a where a.tenant_id = e.tenant_id and a.id = e.account_id);

-- inexactReversals
select r.ref from ledger.journal r
left join ledger.journal o on o.tenant_id = r.tenant_id and o.ref = r.ref and o.code = r.reverses and o.reverses = ''
where r.tenant_id = $1 and r.code = 'REVERSAL'
  and (o.ref is null or o.accounts <> r.accounts or o.amounts <> (select array_agg(-x order by n) from unnest(r.amounts) with ordinality as u(x, n)));

-- silentJournals
select j.ref, j.code from ledger.journal j where j.tenant_id = $1 and j.code <> 'PAY'
except select e.subject_id, e.body ->> 'code' from ($2) e;

-- canRewrite
select has_table_privilege('yimen_app', $1, 'update') or has_table_privilege('yimen_app', $2, 'delete') as rewritable;

-- sqlInsertJournals
insert into ledger.journal (tenant_id, about, ref, code, reverses, unit, effective_at, accounts, amounts)
select $1::integer, s.about, s.ref, '$1', '', '$2', s.at, s.accounts, s.amounts from $3 s;

-- sqlJournalDebits
select ref, about, sum(amount) filter (where amount > 0) as debit from ledger.entry
where tenant_id = $1 and code = any($2)
group by ref, about, code, reverses;

-- sqlMovements
select ref, about, code, abs(amounts[array_position(accounts, $1::integer)]) as fen, effective_at as at from ledger.journal
where tenant_id = $2 and effective_at >= $3 and effective_at < $4 and code = any($5)
  and $6::integer = any(accounts);

-- findMovements
select ref, about, amounts[array_position(accounts, $1::integer)] as amount from ledger.journal
where tenant_id = $2 and ref = any($3::text[]) and reverses = '' and $4::integer = any(accounts);

-- sqlEntriesOf
select e.about, e.amount from ledger.entry e join ledger.account a on a.tenant_id = e.tenant_id and a.id = e.account_id
where e.tenant_id = $1 and e.code = $2 and a.code like $3;

-- sqlSumsOf
select e.account_id, sum(e.amount)::bigint as amount from ledger.entry e join ledger.account a on a.tenant_id = e.tenant_id and a.id = e.account_id
where e.tenant_id = $1 and a.code like $2 group by 1;

-- sqlMovedOn
select j.ref, j.code, j.about, j.effective_at as at, sum(p.amount)::bigint as fen
from ledger.journal j cross join lateral unnest(j.accounts, j.amounts) as p(account_id, amount)
where j.tenant_id = $1 and j.effective_at >= $2 and j.effective_at < $3 and p.account_id = $4
group by j.ref, j.code, j.about, j.effective_at;

-- sqlMovedBy
select j.ref, j.code, j.about, j.effective_at as at, sum(p.amount)::bigint as fen
from ledger.journal j cross join lateral unnest(j.accounts, j.amounts) as p(account_id, amount)
where j.tenant_id = $1 and j.ref = any($2::text[]) and p.account_id = $3
group by j.ref, j.code, j.about, j.effective_at;

-- balancesBefore
select a.code, coalesce(sum(p.amount), 0)::bigint as amount
from ledger.journal j cross join lateral unnest(j.accounts, j.amounts) as p(account_id, amount)
join ledger.account a on a.tenant_id = j.tenant_id and a.id = p.account_id
where j.tenant_id = $1 and j.effective_at < $2
group by a.code order by a.code;
