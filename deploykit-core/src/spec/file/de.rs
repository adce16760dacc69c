//! A tree as a source of serde values, so that the types of a spec are its one definition.

use serde::de::{DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::error::DecodeError;
use super::node::{Entry, Kind, Node, Place, Segment};
use crate::spec::text::enumerate;

/// Decodes a value. Errors have no place yet: whoever knows the way to the value adds it.
#[derive(Clone, Copy)]
pub(super) struct Decoder<'t> {
    node: &'t Node,
}

impl<'t> Decoder<'t> {
    pub(super) fn new(node: &'t Node) -> Self {
        Self { node }
    }
}

impl<'de> Deserializer<'de> for Decoder<'de> {
    type Error = DecodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match &self.node.kind {
            Kind::Null => visitor.visit_unit(),
            Kind::Bool(value) => visitor.visit_bool(*value),
            Kind::Unsigned(value) => visitor.visit_u64(*value),
            Kind::Signed(value) => visitor.visit_i64(*value),
            Kind::Float(value) => visitor.visit_f64(*value),
            Kind::Text => visitor.visit_borrowed_str(&self.node.text),
            Kind::List(items) => visitor.visit_seq(Items { items, index: 0 }),
            Kind::Map(entries) => visitor.visit_map(Fields { entries, value: None }),
            Kind::Date | Kind::Cut => Err(DecodeError::wrong_type((&visitor as &dyn serde::de::Expected).to_string())),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        if matches!(self.node.kind, Kind::Null) { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    // A derived visitor would take a list for the fields in order.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match &self.node.kind {
            Kind::Map(_) => self.deserialize_any(visitor),
            _ => Err(DecodeError::wrong_type(match fields.len() {
                1..6 => format!("a map with {}", enumerate(fields, "and")),
                _ => "a map".to_owned(),
            })),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match &self.node.kind {
            Kind::Text => visitor.visit_enum(Bare { name: &self.node.text }),
            Kind::Map(entries) => {
                let mut live = entries.iter().filter(|entry| !entry.value.is_cut());
                match (live.next(), live.count()) {
                    (Some(entry), 0) => visitor.visit_enum(Tagged { entry }),
                    (first, more) => Err(DecodeError::not_one(variants, usize::from(first.is_some()) + more)),
                }
            }
            _ => Err(DecodeError::wrong_type(format!("one of {}", enumerate(variants, "or")))),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map identifier
    }
}

/// Decodes a key.
struct KeyDecoder<'t>(&'t str);

impl<'de> Deserializer<'de> for KeyDecoder<'de> {
    type Error = DecodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_borrowed_str(self.0)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

struct Items<'t> {
    items: &'t [Node],
    index: usize,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = DecodeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, DecodeError> {
        while let Some(item) = self.items.get(self.index) {
            let index = self.index;
            self.index += 1;
            if item.is_cut() {
                continue;
            }
            let value = seed.deserialize(Decoder::new(item));
            return value.map(Some).map_err(|error| error.at(item.place, item).under(Segment::Index(index)));
        }
        Ok(None)
    }
}

struct Fields<'t> {
    entries: &'t [Entry],
    value: Option<&'t Entry>,
}

impl<'de> MapAccess<'de> for Fields<'de> {
    type Error = DecodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, DecodeError> {
        while let Some((entry, rest)) = self.entries.split_first() {
            self.entries = rest;
            if entry.value.is_cut() {
                continue;
            }
            self.value = Some(entry);
            return seed.deserialize(KeyDecoder(&entry.key)).map(Some).map_err(|error| on_key(entry, error));
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, DecodeError> {
        let Some(entry) = self.value.take() else {
            return Err(serde::de::Error::custom("a value was asked for before its key"));
        };
        seed.deserialize(Decoder::new(&entry.value)).map_err(|error| in_value(entry, error))
    }
}

fn on_key(entry: &Entry, error: DecodeError) -> DecodeError {
    error.at_key(entry.key_place, &entry.key).under(Segment::Key(entry.key.clone()))
}

fn in_value(entry: &Entry, error: DecodeError) -> DecodeError {
    error.at(entry.place(), &entry.value).under(Segment::Key(entry.key.clone()))
}

/// A variant written as the one field of a map.
struct Tagged<'t> {
    entry: &'t Entry,
}

impl<'de> EnumAccess<'de> for Tagged<'de> {
    type Error = DecodeError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), DecodeError> {
        let variant = seed.deserialize(KeyDecoder(&self.entry.key)).map_err(|error| on_key(self.entry, error))?;
        Ok((variant, self))
    }
}

impl<'de> VariantAccess<'de> for Tagged<'de> {
    type Error = DecodeError;

    fn unit_variant(self) -> Result<(), DecodeError> {
        Err(on_key(self.entry, DecodeError::no_fields(&self.entry.key)))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, DecodeError> {
        seed.deserialize(Decoder::new(&self.entry.value)).map_err(|error| in_value(self.entry, error))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, DecodeError> {
        let value = Decoder::new(&self.entry.value).deserialize_tuple(len, visitor);
        value.map_err(|error| in_value(self.entry, error))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let value = Decoder::new(&self.entry.value).deserialize_struct("", fields, visitor);
        value.map_err(|error| in_value(self.entry, error))
    }
}

/// An empty map, which stands for what is not written.
static EMPTY: Node = Node { place: Place::Point(1, 1), kind: Kind::Map(Vec::new()), text: String::new() };

/// A variant's name alone: the variant with all of its fields at their defaults, if it has no others.
#[derive(Clone, Copy)]
struct Bare<'t> {
    name: &'t str,
}

impl<'de> EnumAccess<'de> for Bare<'de> {
    type Error = DecodeError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), DecodeError> {
        Ok((seed.deserialize(KeyDecoder(self.name))?, self))
    }
}

impl<'de> VariantAccess<'de> for Bare<'de> {
    type Error = DecodeError;

    fn unit_variant(self) -> Result<(), DecodeError> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, DecodeError> {
        seed.deserialize(Decoder::new(&EMPTY)).map_err(|error| DecodeError::bare(self.name, &error))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, DecodeError> {
        let value = Decoder::new(&EMPTY).deserialize_tuple(len, visitor);
        value.map_err(|error| DecodeError::bare(self.name, &error))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let value = Decoder::new(&EMPTY).deserialize_struct("", fields, visitor);
        value.map_err(|error| DecodeError::bare(self.name, &error))
    }
}
