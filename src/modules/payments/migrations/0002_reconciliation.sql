create table payments.statement (
  tenant_id integer not null,
  id uuid not null,
  channel text not null,
  mchid text not null,
  day date not null,
  sha256 bytea not null,
  name text not null,
  rows integer not null,
  paid_fen bigint not null,
  refunded_fen bigint not null,
  fee_e5 bigint not null,
  received_at timestamptz not null,
  received_by text not null,
  superseded_at timestamptz,
  primary key (tenant_id, id),
  unique (tenant_id, channel, mchid, day, sha256)
);
comment on table payments.statement is 'files of a channel that agreed with their own totals and were compared with the books. A later file of the same day supersedes the earlier. fee_e5: 1/100000 yuan';

create unlogged table payments.statement_stage (
  tenant_id integer not null,
  line integer not null,
  ref text not null,
  is_refund boolean not null,
  amount_fen bigint not null,
  at timestamptz not null,
  our_no text not null
);
comment on table payments.statement_stage is 'rows of the file being compared; rolled back before the comparison is committed, so that no other transaction ever sees one';

create table payments.statement_part (
  tenant_id integer not null,
  statement_id uuid not null,
  part integer not null,
  bytes bytea not null,
  primary key (tenant_id, statement_id, part)
);
comment on table payments.statement_part is 'personal: the file as received, in parts, each compressed with zstd and sealed';
alter table payments.statement_part alter column bytes set storage external;

create table payments.statement_elsewhere (
  tenant_id integer not null,
  ref text not null,
  statement_id uuid not null,
  primary key (tenant_id, ref, statement_id)
);
comment on table payments.statement_elsewhere is 'rows of statements whose booking is not of the same day: when that day is compared they are known to be stated';

create table payments.break (
  tenant_id integer not null,
  id uuid not null,
  channel text not null,
  mchid text not null,
  day date not null,
  class text not null check (class in ('channel_only', 'ledger_only', 'amount', 'refund_only', 'refund_missing', 'duplicate_in_file')),
  severity smallint not null check (severity between 1 and 3),
  ref text not null,
  our_no text not null,
  about uuid,
  line integer,
  stated_fen bigint,
  booked_fen bigint,
  happened_at timestamptz not null,
  statement_id uuid not null,
  opened_at timestamptz not null,
  tries integer not null,
  due_at timestamptz not null,
  task_id uuid,
  proposed_by text,
  resolution text,
  reason text,
  note text,
  resolved_by text,
  resolved_at timestamptz,
  primary key (tenant_id, id),
  unique (tenant_id, channel, class, ref)
);
comment on table payments.break is 'where a channel''s statement and the books differ. ref: the document as the books know it; about: our attempt or refund, where known; severity 1 is grave and stops the day''s remittance: a person''s decision, proposed_by, counts once a second one agrees';
create index break_open on payments.break (tenant_id, severity, opened_at) where resolved_at is null;
create index break_day on payments.break (tenant_id, channel, day);

create table payments.statement_wait (
  tenant_id integer not null,
  channel text not null,
  day date not null,
  tries integer not null,
  due_at timestamptz not null,
  code text not null,
  why text not null,
  primary key (tenant_id, channel, day)
);
comment on table payments.statement_wait is 'days whose statement was asked for and is not compared yet: why, and when it is asked for again';

grant select, insert, update, delete on payments.statement_wait to yimen_app;
grant select, insert, update on payments.statement, payments.break to yimen_app;
grant select, insert, delete on payments.statement_stage to yimen_app;
grant select, insert on payments.statement_part to yimen_app;
grant select, insert, delete on payments.statement_elsewhere to yimen_app;
