alter table payments.order_line add column is_part boolean not null default false;
comment on column payments.order_line.is_part is 'pays its subject in part: once paid, the next order may take the subject''s claim over';

grant update on payments.claim to yimen_app;
