create schema ledger;
grant usage on schema ledger to yimen_app;

create table ledger.account (
  tenant_id integer not null,
  id integer not null,
  code text not null check (code ~ '^[0-9]{4}(:[A-Za-z0-9_.-]{1,64}){0,3}$'),
  unit text not null check (unit in ('fen', 'point', 'minute')),
  opened_at timestamptz not null,
  primary key (tenant_id, id),
  unique (tenant_id, code)
);
comment on table ledger.account is 'accounts of the books by code, e.g. 1012:wechat:1900000109; debit is positive';

-- A journal is one row with its entries side by side: no half journal can exist, and a booking costs one index instead
-- of three. Its key is the document it books, so that nothing told twice is booked twice. No CHECK: statements read each anew from its text, and the doctor looks after it (I1). Who needs entries one by one reads the view.
create table ledger.journal (
  tenant_id integer not null,
  about uuid not null,
  ref text not null,
  code text not null,
  reverses text not null,
  unit text not null,
  effective_at timestamptz not null,
  accounts integer[] not null,
  amounts bigint[] not null,
  primary key (tenant_id, ref, reverses)
);
comment on table ledger.journal is 'append-only. ref: the document booked, exactly once, e.g. wechat:4200... of a payment; about: the attempt or refund of ours it belongs to. amounts: debit positive, credit negative, sum 0. reverses: template taken back by a REVERSAL, else empty';

-- Journals are written about in the order of their instants: a block range index finds a day and costs an insert next to nothing.
create index journal_effective on ledger.journal using brin (effective_at) with (pages_per_range = 32);

create view ledger.entry with (security_invoker = true) as
  select j.tenant_id, j.ref, j.about, j.code, j.reverses, j.unit, j.effective_at, p.line::smallint as line, p.account_id, p.amount
  from ledger.journal j cross join lateral unnest(j.accounts, j.amounts) with ordinality as p(account_id, amount, line);
comment on view ledger.entry is 'the entries of every journal, one a row';

create table ledger.balance (
  tenant_id integer not null,
  account_id integer not null,
  amount bigint not null,
  entries bigint not null,
  primary key (tenant_id, account_id)
) with (fillfactor = 50);
comment on table ledger.balance is 'roll-up up to the cursor ledger.fold of the trail; exact balance = this + what the trail holds after it';

grant select, insert on ledger.account, ledger.journal to yimen_app;
grant select on ledger.entry to yimen_app;
grant select, insert, update on ledger.balance to yimen_app;
