-- Written by tools/sql-snapshot.ts from the code: change the code, then run it with --write.

-- src/modules/billing/store.ts

-- BILLER_COLUMNS
b.id, b.name_zh as "nameZh", b.name_en as "nameEn", b.service_zh as "serviceZh", b.service_en as "serviceEn", b.unit,
b.payable_account_id as "payableAccountId", b.is_online as "isOnline", b.config,
jsonb_build_object('validFrom', '0001-01-01', 'rule', b.config -> 'late_fee') || coalesce((
  select jsonb_agg(jsonb_build_object('validFrom', r.valid_from, 'rule', r.rule) order by r.valid_from) from billing.late_fee_rule r
  where r.tenant_id = b.tenant_id and r.biller_id = b.id and r.is_agreed), '[]'::jsonb) as "rules";

-- listBillers
select $1 from billing.biller b where b.tenant_id = $2 order by b.opened_at, b.id limit 200;

-- findBiller
select $1 from billing.biller b where b.tenant_id = $2 and b.id = $3;

-- upsertBiller
insert into billing.biller (tenant_id, id, name_zh, name_en, service_zh, service_en, unit, payable_account_id, is_online, config, opened_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::jsonb, $11)
on conflict (tenant_id, id) do update set name_zh = excluded.name_zh, name_en = excluded.name_en, service_zh = excluded.service_zh,
  service_en = excluded.service_en, unit = excluded.unit, is_online = excluded.is_online, config = excluded.config;

-- setBillerOnline
update billing.biller set is_online = $1 where tenant_id = $2 and id = $3 and is_online <> $4;

-- mapWaivers
select account_id as "accountId", from_on as "from", to_on as "to" from billing.waiver
where tenant_id = $1 and account_id = any($2::uuid[]) and is_agreed order by from_on;

-- insertTariff
insert into billing.tariff (tenant_id, biller_id, id, valid_from, valid_to, body, published_at)
values ($1, $2, $3, $4, $5, $6::jsonb, $7) on conflict do nothing;

-- listTariffs
select biller_id as "billerId", id, valid_from as "validFrom", valid_to as "validTo", body from billing.tariff
where tenant_id = $1 and ($2::text is null or biller_id = $3) order by biller_id, valid_from desc limit 500;

-- BILL_COLUMNS
b.id, b.code, b.biller_id as "billerId", b.account_id as "accountId", b.bill_no as "billNo", b.period_from as "periodFrom",
b.period_to as "periodTo", b.amount_fen as "amountFen", b.due_on as "dueOn", b.usage_e3 as "usageE3", b.reading_from_e3 as "readingFromE3",
b.reading_to_e3 as "readingToE3", b.lines, b.withdrawn_at as "withdrawnAt", b.settled_before as "isSettledBefore", greatest(b.issued_at, a.asked_at) as "asOf", a.account_no as "accountNo", a.holder_mask as "holderMask",
a.address_mask as "addressMask", a.is_closed as "isAccountClosed";

-- ORDERED_ON
(o.placed_at at time zone 'Asia/Shanghai');

-- ORDERED_COLUMNS
o.id, o.code, o.biller_id, o.account_id, o.code, to_char($1, 'YYYY-MM'), to_char($2, 'YYYY-MM'),
o.amount_fen, $3::date, null::bigint, null::bigint, null::bigint,
jsonb_build_array(jsonb_build_object('item', 'product', 'name', p.body ->> 'name_zh', 'amount_fen', o.amount_fen)), null::timestamptz, false, o.placed_at,
a.account_no, a.holder_mask, a.address_mask, a.is_closed,
jsonb_build_object('code', p.code, 'version', p.version, 'nameZh', p.body ->> 'name_zh', 'nameEn', coalesce(p.body ->> 'name_en', p.body ->> 'name_zh'));

-- PAID_IN_ON
(u.placed_at at time zone 'Asia/Shanghai');

-- TOP_UP_COLUMNS
u.id, '', a.biller_id, u.account_id, u.id::text, to_char($1, 'YYYY-MM'), to_char($2, 'YYYY-MM'),
u.amount_fen, $3::date, null::bigint, null::bigint, null::bigint, '[]'::jsonb, null::timestamptz, false, u.placed_at,
a.account_no, a.holder_mask, a.address_mask, a.is_closed,
jsonb_build_object('code', '', 'version', '', 'nameZh', '预存', 'nameEn', 'Paid in advance', 'isTopUp', true);

-- BILL_FROM
billing.bill b join billing.account a on a.tenant_id = b.tenant_id and a.id = b.account_id;

-- findBillByCode
select $1 from $2 where b.tenant_id = $3 and b.code = $4;

-- listBillsById
select $1, null::jsonb as product from $2 where b.tenant_id = $3 and b.id = any($4::uuid[])
union all
select $5 from billing.product_order o
join billing.product p on p.tenant_id = o.tenant_id and p.biller_id = o.biller_id and p.code = o.product_code and p.version = o.version
join billing.account a on a.tenant_id = o.tenant_id and a.id = o.account_id
where o.tenant_id = $6 and o.id = any($7::uuid[])
union all
select $8 from billing.top_up u join billing.account a on a.tenant_id = u.tenant_id and a.id = u.account_id
where u.tenant_id = $9 and u.id = any($10::uuid[])
order by "periodTo", id;

-- listBillsOfAccounts
select $1 from $2
where b.tenant_id = $3 and b.account_id = any($4::uuid[]) and b.withdrawn_at is null order by b.period_to desc, b.id limit $5;

-- searchBills
select $1 from $2
where b.tenant_id = $3 and ($4::text is null or b.biller_id = $5) and (b.bill_no = $6 or b.code = lower($7)
  or b.account_id in (select id from billing.account where tenant_id = $8 and (account_no = $9 or account_no like $10) limit $11))
order by b.period_to desc limit $12;

-- ACCOUNT_COLUMNS
a.id, a.biller_id as "billerId", a.account_no as "accountNo", a.holder_mask as "holderMask", a.address_mask as "addressMask", a.is_closed as "isClosed";

-- findAccount
select $1 from billing.account a where a.tenant_id = $2 and a.biller_id = $3 and a.account_no = $4;

-- findAccountById
select $1 from billing.account a where a.tenant_id = $2 and a.id = $3;

-- listBindings
select $1, k.relation, k.nickname, k.shared_by as "sharedBy" from (
  select distinct on (account_id) * from billing.binding
  where tenant_id = $2 and payer = any($3) order by account_id, array_position($4::text[], payer)
) k join billing.account a on a.tenant_id = k.tenant_id and a.id = k.account_id
order by k.bound_at limit 50;

-- countBindings
select count(*) as count from billing.binding where tenant_id = $1 and account_id = $2;

-- upsertBinding
insert into billing.binding (tenant_id, payer, account_id, relation, nickname, shared_by, bound_at)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (tenant_id, payer, account_id) do update set relation = excluded.relation, nickname = excluded.nickname;

-- deleteBinding
delete from billing.binding where tenant_id = $1 and payer = any($2) and account_id = $3;

-- POSTING_COLUMNS
p.id, p.order_id as "orderId", p.bill_id as "billId", p.biller_id as "billerId", p.state, p.amount_fen as "amountFen",
p.late_fee_fen as "lateFeeFen", p.rebate_fen as "rebateFen", p.paid_at as "paidAt", p.failure, p.tries;

-- insertPosting
insert into billing.posting (tenant_id, id, order_id, bill_id, biller_id, state, amount_fen, late_fee_fen, rebate_fen, paid_at, tries, due_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, $11) on conflict do nothing;

-- listPostings
select $1 from billing.posting p where p.tenant_id = $2 and p.order_id = $3 order by p.id;

-- lockPostings
select $1 from billing.posting p where p.tenant_id = $2 and p.order_id = $3 order by p.id for update;

-- findPostingOf
select $1 from billing.posting p where p.tenant_id = $2 and p.order_id = $3 and p.bill_id = $4;

-- findPosting
select $1 from billing.posting p where p.tenant_id = $2 and p.id = $3;

-- takeDuePostings
update billing.posting u set tries = u.tries + 1, due_at = $1
from (select id from billing.posting where tenant_id = $2 and finished_at is null and due_at <= $3 order by due_at limit $4 for update skip locked) d
where u.tenant_id = $5 and u.id = d.id returning u.id;

-- movePosting
update billing.posting set state = $1, failure = coalesce($2, failure), due_at = coalesce($3, due_at),
  finished_at = coalesce($4, finished_at)
where tenant_id = $5 and id = $6 and state = any($7::smallint[]);

-- RESCUE_COLUMNS
w.id, w.order_id as "orderId", w.reason, w.state, w.answer, w.due_at as "dueAt", w.asked_at as "askedAt",
w.answered_at as "answeredAt", w.note_sealed as "noteSealed", w.task_id as "taskId";

-- insertRescue
insert into billing.wrong_payment (tenant_id, id, order_id, reason, note_sealed, state, due_at, asked_at)
values ($1, $2, $3, $4, $5, 'asked', $6, $7) on conflict do nothing;

-- findRescue
select $1 from billing.wrong_payment w where w.tenant_id = $2 and w.order_id = $3;

-- listAskedRescues
select $1 from billing.wrong_payment w
where w.tenant_id = $2 and w.state = 'asked' order by w.asked_at, w.id limit $3 offset $4;

-- countAskedRescues
select count(*) as count, min(asked_at) as "oldestAt" from billing.wrong_payment where tenant_id = $1 and state = 'asked';

-- listRescuesOf
select $1 from billing.wrong_payment w
where w.tenant_id = $2 and w.order_id = any($3::uuid[]) order by w.asked_at limit 200;

-- setRescueTask
update billing.wrong_payment set task_id = $1 where tenant_id = $2 and id = $3;

-- answerRescue
update billing.wrong_payment set state = $1, answer = $2, answered_at = $3
where tenant_id = $4 and order_id = $5 and state = 'asked';

-- findBatch
select id, rows from billing.batch where tenant_id = $1 and biller_id = $2 and sha256 = $3;

-- insertBatch
insert into billing.batch (tenant_id, id, biller_id, file_name, sha256, rows, total_fen, imported_at)
values ($1, $2, $3, $4, $5, $6, $7, $8);

-- lockReceiptDay
insert into billing.receipt_counter as c (tenant_id, day, last) values ($1, $2, 0)
on conflict (tenant_id, day) do update set last = c.last returning last;

-- setReceiptDay
update billing.receipt_counter set last = $1 where tenant_id = $2 and day = $3;

-- RECEIPT_COLUMNS
r.order_id as "orderId", r.bill_id as "billId", r.receipt_no as "receiptNo", r.entry_id as "entryId", r.issued_at as "issuedAt";

-- insertReceipt
insert into billing.receipt (tenant_id, order_id, bill_id, receipt_no, entry_id, issued_at)
values ($1, $2, $3, $4, $5, $6);

-- listReceipts
select $1 from billing.receipt r where r.tenant_id = $2 and r.order_id = $3 order by r.receipt_no;

-- listReceiptsOf
select $1 from billing.receipt r where r.tenant_id = $2 and r.order_id = any($3::uuid[]) order by r.receipt_no;

-- findReceiptByNo
select $1 from billing.receipt r where r.tenant_id = $2 and r.receipt_no = $3;

-- findReceiptByEntry
select $1 from billing.receipt r where r.tenant_id = $2 and r.entry_id = $3;

-- reopenPosting
update billing.posting set state = $1, due_at = $2, finished_at = null, tries = 0
where tenant_id = $3 and id = $4 and state = any($5::smallint[]);

-- src/modules/billing/store/clients.ts

-- COLUMNS
c.biller_id as "billerId", c.purpose, c.client_id as "clientId", c.secret_sealed as "secretSealed", c.base_url as "baseUrl",
c.hourly_max as "hourlyMax";

-- findClient
select $1 from billing.client c
where c.tenant_id = $2 and c.biller_id = $3 and c.purpose = $4 and c.client_id = $5 and c.revoked_at is null;

-- listClients
select $1, c.revoked_at as "revokedAt" from billing.client c
where c.tenant_id = $2 order by c.biller_id, c.purpose, c.opened_at desc limit 500;

-- findCaller
select $1 from billing.client c
where c.tenant_id = $2 and c.biller_id = $3 and c.purpose = 'call' and c.revoked_at is null order by c.opened_at desc limit 1;

-- upsertClient
insert into billing.client (tenant_id, biller_id, purpose, client_id, secret_sealed, base_url, hourly_max, hour_at, used, opened_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9)
on conflict (tenant_id, biller_id, purpose, client_id) do update set secret_sealed = excluded.secret_sealed, base_url = excluded.base_url,
  hourly_max = excluded.hourly_max, opened_at = excluded.opened_at, revoked_at = null;

-- revokeOtherClients
update billing.client set revoked_at = $1
where tenant_id = $2 and biller_id = $3 and purpose = $4 and client_id <> $5 and revoked_at is null;

-- revokeClient
update billing.client set revoked_at = $1
where tenant_id = $2 and biller_id = $3 and purpose = $4 and client_id = $5 and revoked_at is null;

-- countPush
update billing.client set used = case when hour_at > $1 then used + 1 else 1 end, hour_at = case when hour_at > $2 then hour_at else $3 end
where tenant_id = $4 and biller_id = $5 and purpose = $6 and client_id = $7 and revoked_at is null
  and (used < hourly_max or hour_at <= $8);

-- forgetNonces
delete from billing.push_nonce where tenant_id = $1 and expires_at < $2;

-- insertNonce
insert into billing.push_nonce (tenant_id, client_id, nonce, expires_at) values ($1, $2, $3, $4) on conflict do nothing;

-- src/modules/billing/store/health.ts

-- listBillerHealth
select b.id, b.name_zh as "nameZh", b.name_en as "nameEn", b.payable_account_id as "payableAccountId",
  coalesce(w.unanswered, 0) as unanswered, w.since as "unansweredSince", coalesce(d.posted, 0) as posted, coalesce(d.rejected, 0) as rejected,
  (select max(imported_at) from billing.batch t where t.tenant_id = b.tenant_id and t.biller_id = b.id) as "billsAt",
  (select max(day) from billing.settlement s where s.tenant_id = b.tenant_id and s.biller_id = b.id) as "settledOn"
from billing.biller b
left join (
  select biller_id, count(*) as unanswered, min(paid_at) as since from billing.posting
  where tenant_id = $1 and finished_at is null and state in ($2, $3) group by biller_id) w on w.biller_id = b.id
left join (
  select biller_id, count(*) filter (where state = $4) as posted, count(*) filter (where state = $5) as rejected
  from billing.posting where tenant_id = $6 and id >= $7::uuid and id < $8::uuid group by biller_id) d on d.biller_id = b.id
where b.tenant_id = $9 order by b.id;

-- src/modules/billing/store/journeys.ts

-- findOpenJourney
select id from billing.journey
where tenant_id = $1 and visitor = $2 and bill_id = any($3::uuid[]) and id >= $4::uuid and order_id is null
order by id desc limit 1;

-- insertJourney
insert into billing.journey (tenant_id, id, visitor, bill_id, place, way, begun_at, staff_id)
values ($1, $2, $3, $4, $5, $6, $7, $8);

-- confirmJourney
update billing.journey set order_id = $1, confirmed_at = $2 where tenant_id = $3 and id = $4 and order_id is null;

-- findUnendedJourney
select id from billing.journey where tenant_id = $1 and order_id = $2 and ended_at is null limit 1;

-- endJourney
update billing.journey set ended_at = $1 where tenant_id = $2 and id = $3 and ended_at is null;

-- readFunnel
with path as (
  select j.begun_at, j.confirmed_at, j.ended_at, s.handed, s.mismatch or r.state is not null as odd,
    s.paid_at, extract(epoch from j.confirmed_at - j.begun_at) as confirm_s, extract(epoch from s.paid_at - j.confirmed_at) as pay_s,
    extract(epoch from j.ended_at - s.paid_at) as receipt_s, extract(epoch from s.paid_at - j.begun_at) as whole_s
  from billing.journey j
  left join ($1) s on s.id = j.order_id
  left join billing.wrong_payment r on r.tenant_id = j.tenant_id and r.order_id = j.order_id
  where j.tenant_id = $2 and j.id >= $3::uuid and j.id < $4::uuid
    and ($5::text is null or j.place = $6))
select count(*) as begun, count(confirmed_at) as confirmed, count(*) filter (where handed) as handed, count(paid_at) as paid,
  count(ended_at) filter (where paid_at is not null) as ended, count(*) filter (where odd and confirmed_at is not null) as odd,
  percentile_disc(0.5) within group (order by confirm_s)::float8 as "confirmS50", percentile_disc(0.9) within group (order by confirm_s)::float8 as "confirmS90",
  percentile_disc(0.5) within group (order by pay_s)::float8 as "payS50", percentile_disc(0.9) within group (order by pay_s)::float8 as "payS90",
  percentile_disc(0.5) within group (order by receipt_s)::float8 as "receiptS50", percentile_disc(0.9) within group (order by receipt_s)::float8 as "receiptS90",
  percentile_disc(0.5) within group (order by whole_s)::float8 as "wholeS50", percentile_disc(0.9) within group (order by whole_s)::float8 as "wholeS90",
  count(*) filter (where whole_s <= $7) as "inTime"
from path;

-- listLookups
select j.staff_id as "clerkId", to_char(j.begun_at at time zone 'Asia/Shanghai', 'YYYY-MM-DD') as day, count(*) as lookups,
  count(*) filter (where j.order_id is null and not exists (select from ($1) h where h.subject_id = j.bill_id)) as abandoned
from billing.journey j
where j.tenant_id = $2 and j.staff_id is not null and j.id >= $3::uuid and j.id < $4::uuid
group by 1, 2;

-- src/modules/billing/store/refresh.ts

-- findAsked
select a.id as "accountId", a.account_no as "accountNo", a.biller_id as "billerId", b.issued_at as "issuedAt", a.asked_at as "askedAt",
  a.tried_at as "triedAt"
from billing.bill b join billing.account a on a.tenant_id = b.tenant_id and a.id = b.account_id
where b.tenant_id = $1 and b.code = $2;

-- takeAsking
update billing.account set tried_at = $1
where tenant_id = $2 and id = $3 and (tried_at is null or tried_at <= $4);

-- setAsked
update billing.account set asked_at = $1 where tenant_id = $2 and id = $3;

-- listHeld
select id, bill_no as "billNo", amount_fen as "amountFen", settled_before as "isSettledBefore", settled_elsewhere_at is not null as "isSettledElsewhere" from billing.bill
where tenant_id = $1 and account_id = $2 and bill_no = any($3::text[]) and withdrawn_at is null for update;

-- settleElsewhere
update billing.bill set settled_before = true, settled_elsewhere_at = $1 where tenant_id = $2 and id = any($3::uuid[]);

-- reopenBills
update billing.bill set settled_before = false, settled_elsewhere_at = null where tenant_id = $1 and id = any($2::uuid[]);

-- correctBill
update billing.bill set amount_fen = $1, lines = $2::jsonb where tenant_id = $3 and id = $4;

-- insertFound
insert into billing.bill (tenant_id, id, code, biller_id, account_id, bill_no, period_from, period_to, amount_fen, due_on, lines, issued_at, settled_before, settled_elsewhere_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10,
  $11::jsonb, $12, $13, $14) on conflict do nothing;

-- src/modules/billing/store/reminders.ts

-- listRemindable
select k.payer, b.id as "billId", b.biller_id as "billerId", b.account_id as "accountId", b.period_from as "periodFrom", b.period_to as "periodTo", b.amount_fen as "amountFen",
  b.issued_at as "issuedAt", b.due_on as "dueOn", a.account_no as "accountNo"
from billing.binding k
join billing.account a on a.tenant_id = k.tenant_id and a.id = k.account_id and not a.is_closed
join billing.bill b on b.tenant_id = k.tenant_id and b.account_id = k.account_id and b.withdrawn_at is null and not b.settled_before
where k.tenant_id = $1 and k.payer like 'resident:%' and (k.payer, b.id) > ($2, $3::uuid)
  and (b.issued_at >= $4 or b.due_on between $5 and $6)
order by k.payer, b.id limit $7;

-- src/modules/billing/store/rules.ts

-- ASKED
id, asked_by as "askedBy", asked_at as "askedAt", decided_at as "decidedAt", is_agreed as "isAgreed";

-- RULE_COLUMNS
$1, biller_id as "billerId", valid_from as "validFrom", rule, note;

-- WAIVER_COLUMNS
$1, account_id as "accountId", from_on as "from", to_on as "to", reason, note;

-- insertRule
insert into billing.late_fee_rule (tenant_id, id, biller_id, valid_from, rule, note, asked_by, asked_at)
values ($1, $2, $3, $4, $5::jsonb, $6, $7, $8);

-- insertWaiver
insert into billing.waiver (tenant_id, id, account_id, from_on, to_on, reason, note, asked_by, asked_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- lockRule
select $1 from billing.late_fee_rule where tenant_id = $2 and id = $3 for update;

-- lockWaiver
select $1 from billing.waiver where tenant_id = $2 and id = $3 for update;

-- decided
set decided_by = $1, decided_at = $2, is_agreed = $3 where tenant_id = $4 and id = $5 and decided_at is null;

-- decideRule
update billing.late_fee_rule $1;

-- decideWaiver
update billing.waiver $1;

-- listRules
select $1 from billing.late_fee_rule where tenant_id = $2 and is_agreed is distinct from false
order by biller_id, valid_from, asked_at limit $3;

-- hasRuleOn
select from billing.late_fee_rule where tenant_id = $1 and biller_id = $2 and valid_from = $3 and is_agreed is distinct from false;

-- listOpenWaivers
select w.*, a.biller_id as "billerId", a.account_no as "accountNo", a.holder_mask as "holderMask"
from (select $1 from billing.waiver where tenant_id = $2 and decided_at is null) w
join billing.account a on a.tenant_id = $3 and a.id = w."accountId" order by w."askedAt" limit $4;

-- listOpenBills
select b.id, b.bill_no as "billNo", b.account_id as "accountId", b.amount_fen as "amountFen", b.due_on as "dueOn"
from billing.bill b
where b.tenant_id = $1 and b.biller_id = $2 and b.due_on < $3 and not b.settled_before and b.withdrawn_at is null
  and not exists (select from ($4) h where h.subject_id = b.id)
order by b.due_on, b.bill_no limit $5;

-- src/modules/billing/store/settlements.ts

-- COLUMNS
s.id, s.biller_id as "billerId", s.day, s.made_at as "madeAt", s.rows, s.collected_fen as "collectedFen", s.returned_fen as "returnedFen";

-- lockSettlements
select pg_advisory_xact_lock(hashtextextended($1, 0));

-- CORRECTED
$1, coalesce(c.corrections, 0)::integer as corrections, coalesce(c.fen, 0)::bigint as "correctedFen";

-- sqlCorrections
left join lateral (
  select count(*) as corrections, sum(l.net_fen) as fen from billing.settlement_line l
  where l.tenant_id = $1 and l.biller_id = s.biller_id and l.corrects = s.day) c on true;

-- findSettlement
select $1 from billing.settlement s where s.tenant_id = $2 and s.biller_id = $3 and s.day = $4;

-- listSettlements
select $1 from billing.settlement s $2
where s.tenant_id = $3 and s.day between $4 and $5 and ($6::text is null or s.biller_id = $7)
order by s.day desc, s.biller_id;

-- findFile
select $1, s.file_sealed as "fileSealed" from billing.settlement s $2
where s.tenant_id = $3 and s.id = $4;

-- listCorrecting
select ref, code, day from billing.settlement_line where tenant_id = $1 and biller_id = $2 and corrects = $3;

-- mapSettledDays
select ref, max(coalesce(corrects, day)) as day from billing.settlement_line
where tenant_id = $1 and biller_id = $2 and ref = any($3::text[]) group by ref;

-- settledDays
select day from billing.settlement where tenant_id = $1 and biller_id = $2 and day = any($3::date[]);

-- insertSettlement
insert into billing.settlement (tenant_id, biller_id, day, id, made_at, rows, collected_fen, returned_fen, sha256, file_sealed)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);

-- insertSettled
insert into billing.settlement_line (tenant_id, biller_id, ref, code, day, net_fen, corrects)
select $1, $2, n.ref, n.code, $3, n.net_fen, n.corrects
from unnest($4::text[], $5::text[], $6::bigint[],
  $7::date[]) as n (ref, code, net_fen, corrects);

-- settledRefs
select code || ' ' || ref as key from billing.settlement_line where tenant_id = $1 and biller_id = $2 and ref = any($3::text[]);

-- listDueDays
select d::date as day, b.id as "billerId" from generate_series($1::date, $2::date, interval '1 day') d
cross join billing.biller b
where b.tenant_id = $3
  and not exists (select from billing.settlement s where s.tenant_id = $4 and s.biller_id = b.id and s.day = d::date)
order by 1, 2;

-- mapReceiptNos
select order_id || ' ' || bill_id as key, receipt_no as no from billing.receipt where tenant_id = $1 and order_id = any($2::uuid[]);

-- compareSettled
select (select coalesce(sum(collected_fen - returned_fen), 0)::bigint from billing.settlement
    where tenant_id = $1 and biller_id = $2) as "settledFen",
  coalesce(sum(n."netFen"), 0)::bigint as "heldFen", count(*) filter (where n."netFen" is distinct from l.net_fen) as doubled
from billing.settlement_line l
left join ($3) n on n.ref = l.ref and n.code = l.code
where l.tenant_id = $4 and l.biller_id = $5;

-- sqlCorrectingNothing
select l.biller_id, l.ref, l.day, l.corrects from billing.settlement_line l
left join billing.settlement s on s.tenant_id = l.tenant_id and s.biller_id = l.biller_id and s.day = l.corrects
where l.tenant_id = $1 and l.corrects is not null and (s.day is null or l.corrects >= l.day);

-- mapCorrectedAfter
select biller_id as "billerId", sum(net_fen)::bigint as fen from billing.settlement_line
where tenant_id = $1 and corrects between $2 and $3 and day > $4 group by 1;
