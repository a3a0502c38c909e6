-- A plan that is made while tables are small, and kept, takes any index that begins with an operator for one that finds
-- the row by its whole key: both cost the same then, and later one of them reads all of an operator's rows. So no index
-- but the primary key begins with the operator where rows are looked up by that key (decision 3).
DROP INDEX customer_phone;
CREATE UNIQUE INDEX customer_phone ON customer (phone, operator_id);
DROP INDEX site_name;
CREATE UNIQUE INDEX site_name ON site (lower(name), operator_id);
DROP INDEX appliance_name;
CREATE UNIQUE INDEX appliance_name ON appliance (lower(name), site_id, operator_id);
