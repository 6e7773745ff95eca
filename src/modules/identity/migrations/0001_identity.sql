create schema identity;
grant usage on schema identity to yimen_app;

create table identity.tenant (
  tenant_id integer not null check (tenant_id > 0),
  code text not null check (code ~ '^[0-9]{9}$'),
  name_zh text not null,
  name_en text not null,
  phone text not null,
  opened_at timestamptz not null,
  primary key (tenant_id),
  unique (code)
);
comment on table identity.tenant is 'reference: the sub-districts served by this installation';
grant select, insert, update on identity.tenant to yimen_app;

create table identity.area (
  tenant_id integer not null,
  code text not null check (code ~ '^[0-9]{9}([0-9]{3}){0,2}$'),
  name_zh text not null,
  name_en text not null,
  primary key (tenant_id, code)
);
comment on table identity.area is 'sub-district (9 digits), community (12) and grid cell (15); the code of the parent is a prefix';
grant select, insert, update on identity.area to yimen_app;

create table identity.person (
  tenant_id integer not null,
  id uuid not null,
  name_sealed bytea,
  name_blind bytea check (octet_length(name_blind) = 16),
  name_mask text,
  id_number_sealed bytea,
  id_number_blind bytea check (octet_length(id_number_blind) = 16),
  id_number_mask text,
  phone_sealed bytea,
  phone_blind bytea check (octet_length(phone_blind) = 16),
  phone_mask text,
  area_code text,
  created_at timestamptz not null,
  primary key (tenant_id, id),
  unique (tenant_id, phone_blind),
  unique (tenant_id, id_number_blind),
  check (num_nulls(name_sealed, name_blind, name_mask) in (0, 3)),
  check (num_nulls(id_number_sealed, id_number_blind, id_number_mask) in (0, 3)),
  check (num_nulls(phone_sealed, phone_blind, phone_mask) in (0, 3))
);
comment on table identity.person is 'residents; names and numbers only encrypted, beside masks to show and blind indexes to look up';
create index person_name on identity.person (tenant_id, name_blind);
grant select, insert, update on identity.person to yimen_app;

create table identity.household (
  tenant_id integer not null,
  id uuid not null,
  address_sealed bytea not null,
  address_blind bytea not null check (octet_length(address_blind) = 16),
  address_mask text not null,
  area_code text,
  created_at timestamptz not null,
  primary key (tenant_id, id)
);
comment on table identity.household is 'homes; the address is encrypted, the mask ends before the first number';
create index household_address on identity.household (tenant_id, address_blind);
grant select, insert, update on identity.household to yimen_app;

create table identity.household_member (
  tenant_id integer not null,
  household_id uuid not null,
  person_id uuid not null,
  relation text not null check (relation in ('head', 'spouse', 'child', 'parent', 'other')),
  joined_at timestamptz not null,
  primary key (tenant_id, household_id, person_id),
  foreign key (tenant_id, household_id) references identity.household (tenant_id, id),
  foreign key (tenant_id, person_id) references identity.person (tenant_id, id)
);
comment on table identity.household_member is 'who lives in which household';
create index household_member_person on identity.household_member (tenant_id, person_id);
grant select, insert, update, delete on identity.household_member to yimen_app;

create table identity.staff (
  tenant_id integer not null,
  id uuid not null,
  username text not null check (username ~ '^[a-z0-9][a-z0-9._-]{1,59}$'),
  name text not null,
  role text not null,
  area_code text,
  biller_id text,
  password_hash text not null,
  totp_sealed bytea not null,
  totp_step bigint not null,
  failures smallint not null,
  locked_until timestamptz,
  disabled_at timestamptz,
  withdrawn_at timestamptz,
  created_at timestamptz not null,
  primary key (tenant_id, id),
  check ((role = 'biller') = (biller_id is not null))
);
comment on table identity.staff is 'accounts of staff; totp_step is the last time step used, so that no code counts twice; withdrawn are those proposed and never opened, whose name is free again';
create unique index staff_username on identity.staff (tenant_id, username) where withdrawn_at is null;
grant select, insert, update on identity.staff to yimen_app;

create table identity.session (
  tenant_id integer not null,
  digest bytea not null check (octet_length(digest) = 32),
  kind text not null check (kind in ('resident', 'staff', 'device')),
  holder_id uuid not null,
  second_factor_at timestamptz,
  created_at timestamptz not null,
  seen_at timestamptz not null,
  expires_at timestamptz not null,
  revoked_at timestamptz,
  primary key (tenant_id, digest)
);
comment on table identity.session is 'sign-ins by the keyed digest of their token; the token itself is kept nowhere';
create index session_holder on identity.session (tenant_id, holder_id) where revoked_at is null;
grant select, insert, update, delete on identity.session to yimen_app;

create table identity.staff_change (
  tenant_id integer not null,
  id uuid not null,
  staff_id uuid not null,
  kind text not null check (kind in ('role', 'reset', 'open', 'close')),
  role text,
  area_code text,
  biller_id text,
  why text not null check (char_length(why) between 1 and 200),
  proposed_by uuid not null,
  proposed_at timestamptz not null,
  expires_at timestamptz not null,
  decided_by uuid,
  decided_at timestamptz,
  outcome text check (outcome in ('approved', 'declined', 'expired')),
  primary key (tenant_id, id),
  foreign key (tenant_id, staff_id) references identity.staff (tenant_id, id),
  check ((kind in ('role', 'open')) = (role is not null)),
  check ((role is not distinct from 'biller') = (biller_id is not null)),
  check (num_nulls(decided_at, outcome) in (0, 2)),
  check (proposed_by <> staff_id),
  check (outcome is distinct from 'approved' or (decided_by is not null and decided_by <> proposed_by and decided_by <> staff_id))
);
comment on table identity.staff_change is 'four eyes on accounts: one proposes to open or close one, a role or a reset, another approves it, neither for themselves';
create unique index staff_change_open on identity.staff_change (tenant_id, staff_id, kind) where decided_at is null;
grant select, insert, update on identity.staff_change to yimen_app;

create table identity.enrolment (
  tenant_id integer not null,
  digest bytea not null check (octet_length(digest) = 32),
  staff_id uuid not null,
  totp_sealed bytea not null,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  used_at timestamptz,
  primary key (tenant_id, digest),
  foreign key (tenant_id, staff_id) references identity.staff (tenant_id, id)
);
comment on table identity.enrolment is 'one-time codes with which a member of staff sets password and authenticator anew, as keyed digests';
create index enrolment_staff on identity.enrolment (tenant_id, staff_id) where used_at is null;
grant select, insert, update, delete on identity.enrolment to yimen_app;

create table identity.sms_challenge (
  tenant_id integer not null,
  digest bytea not null check (octet_length(digest) = 32),
  code_digest bytea not null check (octet_length(code_digest) = 32),
  phone_sealed bytea not null,
  tries smallint not null check (tries between 0 and 5),
  created_at timestamptz not null,
  expires_at timestamptz not null,
  used_at timestamptz,
  primary key (tenant_id, digest)
);
comment on table identity.sms_challenge is 'codes sent by text message, as digests; at most five tries each';
grant select, insert, update, delete on identity.sms_challenge to yimen_app;

create table identity.quota (
  tenant_id integer not null,
  purpose text not null,
  key bytea not null check (octet_length(key) = 16),
  began_at timestamptz not null,
  used integer not null check (used > 0),
  primary key (tenant_id, purpose, key)
) with (fillfactor = 70);
comment on table identity.quota is 'how often a telephone number or client asked for a code since the window began; keys are blind';
grant select, insert, update, delete on identity.quota to yimen_app;

create table identity.share (
  tenant_id integer not null,
  id uuid not null,
  owner_id uuid not null,
  other_id uuid not null,
  scope text not null check (scope in ('see', 'pay')),
  granted_at timestamptz not null,
  revoked_at timestamptz,
  primary key (tenant_id, id),
  foreign key (tenant_id, owner_id) references identity.person (tenant_id, id),
  foreign key (tenant_id, other_id) references identity.person (tenant_id, id),
  check (owner_id <> other_id)
);
comment on table identity.share is 'acting for others: the owner lets the other see or pay for them until revoked';
create unique index share_live on identity.share (tenant_id, owner_id, other_id) where revoked_at is null;
create index share_other on identity.share (tenant_id, other_id) where revoked_at is null;
grant select, insert, update on identity.share to yimen_app;

-- Row security is the floor beneath the tenant condition every query carries.
alter table identity.area enable row level security;
alter table identity.area force row level security;
create policy area_tenant on identity.area to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
alter table identity.person enable row level security;
alter table identity.person force row level security;
create policy person_tenant on identity.person to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
alter table identity.household enable row level security;
alter table identity.household force row level security;
create policy household_tenant on identity.household to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
alter table identity.household_member enable row level security;
alter table identity.household_member force row level security;
create policy household_member_tenant on identity.household_member to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
alter table identity.staff enable row level security;
alter table identity.staff force row level security;
create policy staff_tenant on identity.staff to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
alter table identity.session enable row level security;
alter table identity.session force row level security;
create policy session_tenant on identity.session to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
alter table identity.sms_challenge enable row level security;
alter table identity.sms_challenge force row level security;
create policy sms_challenge_tenant on identity.sms_challenge to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
alter table identity.quota enable row level security;
alter table identity.quota force row level security;
create policy quota_tenant on identity.quota to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
alter table identity.share enable row level security;
alter table identity.share force row level security;
create policy share_tenant on identity.share to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
alter table identity.staff_change enable row level security;
alter table identity.staff_change force row level security;
create policy staff_change_tenant on identity.staff_change to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
alter table identity.enrolment enable row level security;
alter table identity.enrolment force row level security;
create policy enrolment_tenant on identity.enrolment to yimen_app using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
